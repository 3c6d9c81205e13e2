//go:build mutants

package mutants

// policyMutants break what is promised of roll-outs with policies.
var policyMutants = []mutant{
	// 5. Revisions.
	{
		"what is lost while a roll-out is paused comes back updated", "A pod below the partition", "plan/revisions.go",
		"	case p.still != \"\":\n		return p.boreOrCurrent(ordinal)\n", "",
	},
	// 10. It settles.
	{
		"the last pod of a roll-out never fails", "When the faults stop", "plan/make.go",
		"		p.markFailed()       // a roll-out that got no further in time has failed\n", "		if len(p.plan.Waits) > 0 && p.plan.Waits[0].Holds != \"\" {\n			p.markFailed()\n		}\n",
	}, {
		"the canary's end is not looked for", "When the faults stop", "plan/canary.go",
		"		p.lookAgain(left)\n", "",
	}, {
		"a policy that conflicts is told so again and again", "When the faults stop", "plan/policy_status.go",
		"	if state != policyConflicting {\n", "	if true {\n",
	},
	// 15. Never two.
	{
		"a policy's status is written without the fence", "Never two", "controller/apply/writes.go",
		"	if err := w.barredFor(types.NamespacedName{Namespace: updated.Namespace, Name: updated.Spec.TargetRef.Name}, updated); err != nil {",
		"	if err := w.barredFor(types.NamespacedName{Namespace: updated.Namespace, Name: updated.Spec.TargetRef.Name}, updated); false {",
	},
	// 16. Paused.
	{
		"a roll-out that is paused goes on", "has the roll-outs of a set paused", "plan/update.go",
		"	if p.still != \"\" {\n		p.standStill(due[0])\n		return\n	}\n", "",
	}, {
		"heal goes on while a roll-out is paused", "has the roll-outs of a set paused", "plan/heal.go",
		"		if p.still != \"\" || !p.isDue(m)", "		if !p.isDue(m)",
	}, {
		"a paused set is recreated", "has the roll-outs of a set paused", "plan/update.go",
		"		case p.still != \"\":\n			p.recreating = false", "		case false:\n			p.recreating = false",
	}, {
		"a new controller trusts its cache of policies", "has the roll-outs of a set paused", "controller/snapshot/takeover.go",
		"		if seen != \"\" && (Newer(policy.ResourceVersion, seen) || c.isSince(policy, s.Policies)) {", "		if seen != \"\" && false {",
	},
	// 17. Held.
	{
		"a roll-out that has failed goes on", "has failed and does not go back", "plan/failed.go",
		"			p.still = fmt.Sprintf(\"of revision %s has failed\", p.update.Name)\n", "			_ = fmt.Sprint()\n",
	}, {
		"a roll-out fails while it gets further", "has failed and does not go back", "plan/failed.go",
		"	case !p.deadlineExceeded(), p.getsFurther():\n", "	case !p.deadlineExceeded():\n",
	}, {
		"a new controller does not know what has failed", "has failed and does not go back", "controller/snapshot/catchup.go",
		"len(s.Policies) > 0 && known[update] != nil", "false",
	},
	// 18. Reverted.
	{
		"what has failed does not go back", "has no pod of the failed revision", "plan/failed.go",
		"			p.target = p.current\n", "",
	}, {
		"what runs at a failed revision and is not ready is waited for", "has no pod of the failed revision", "plan/roles.go",
		"len(p.rollout.Last) > 0 || p.target != p.update }", "len(p.rollout.Last) > 0 }",
	}, {
		"a policy says too early that all is back", "has no pod of the failed revision", "plan/policy_status.go",
		"	case p.failed != nil && p.target != p.update && p.standing() == \"\":", "	case p.failed != nil && p.target != p.update:",
	},
	// 19. Roles.
	{
		"the order of roles is ignored", "of a role that goes last", "plan/roles.go",
		"	if len(p.rollout.Last) == 0 {\n		return due\n	}\n	if len(due)", "	if true {\n		return due\n	}\n	if len(due)",
	}, {
		"the last go while others are not available", "of a role that goes last", "plan/roles.go",
		"p.turn(first) > 0 && blocker != nil {", "p.turn(first) > 1 && blocker != nil {",
	}, {
		"the canary is the highest ordinal, whatever its role", "of a role that goes last", "plan/update.go",
		"p.withinCanary(p.inTurn(due))", "p.inTurn(p.withinCanary(due))",
	},
	// 20. Canary.
	{
		"pods that were updated before are not counted", "than a canary is of", "plan/canary.go",
		"int(p.rollout.Canary.Pods) - p.taken()", "int(p.rollout.Canary.Pods)",
	}, {
		"a canary is over when it is available", "than a canary is of", "plan/canary.go",
		".Add(inSeconds(*canary.HoldSeconds))", "",
	}, {
		"an approval before the canary counts at once", "than a canary is of", "plan/canary.go",
		"	if len(arrived) < int(canary.Pods) {\n		return false\n	}\n	if canary.HoldSeconds == nil {",
		"	if len(arrived) < int(canary.Pods) && canary.HoldSeconds != nil {\n		return false\n	}\n	if canary.HoldSeconds == nil {",
	},
}
