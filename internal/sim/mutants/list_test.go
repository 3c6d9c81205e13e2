//go:build mutants

package mutants

// mutant is one planted bug.
type mutant struct {
	name    string
	promise string // words of the sentence of the promise that it breaks
	file    string // below internal/
	right   string // what the file says, once
	wrong   string // what it says with the bug
}

var mutants = []mutant{
	// 1. At most one pod of an ordinal runs.
	{
		"pods are deleted by force", "at most one pod runs", "controller/apply/writes.go",
		"err := e.Client.Delete(ctx, object, client.Preconditions{UID: &uid, ResourceVersion: &version}, &client.DeleteOptions{GracePeriodSeconds: grace})",
		"err := e.Client.Delete(ctx, object, client.Preconditions{UID: &uid, ResourceVersion: &version}, client.GracePeriodSeconds(0), &client.DeleteOptions{GracePeriodSeconds: grace})",
	}, {
		"pods of Parallel sets are deleted by force", "at most one pod runs", "controller/apply/writes.go",
		"err := e.Client.Delete(ctx, object, client.Preconditions{UID: &uid, ResourceVersion: &version}, &client.DeleteOptions{GracePeriodSeconds: grace})",
		"if e.set.Spec.PodManagementPolicy == appsv1.ParallelPodManagement {\n		grace = new(int64)\n	}\n	err := e.Client.Delete(ctx, object, client.Preconditions{UID: &uid, ResourceVersion: &version}, &client.DeleteOptions{GracePeriodSeconds: grace})",
	},
	// 2. In order.
	{
		"a pod is created before those before it are available", "In order, a pod is created", "plan/scale.go",
		"case p.ordered && blocker != nil && !p.returns(m):", "case p.ordered && blocker != nil && blocker.state < Starting && !p.returns(m):",
	}, {
		"all pods that are not wanted go at once", "one too many is removed when none after it is left", "plan/scale.go",
		"		p.remove(m, p.whyGone(m))\n		if p.inTurnOnly(m) {\n			return\n		}\n", "		p.remove(m, p.whyGone(m))\n",
	}, {
		"terminating pods count as gone", "In order", "plan/scale.go",
		"			if p.inTurnOnly(m) {\n				return\n			}\n			continue", "			continue",
	},
	// 3. An update keeps to its budget and order.
	{
		"an update does not wait for the pod before", "An update takes pods down", "plan/update.go",
		"	if blocker := p.firstUnavailable(); blocker != nil {\n		if !p.heals()", "	if blocker := p.firstUnavailable(); blocker != nil && blocker.state == Missing {\n		if !p.heals()",
	}, {
		"the partition is ignored", "partition", "plan/revisions.go",
		"ordinal < p.ordinals.Nth(p.partition)", "ordinal < p.partition-1000",
	}, {
		"an update begins at the lowest ordinal", "An update takes pods down", "plan/update.go",
		"	for _, m := range slices.Backward(p.replicas) {\n		if p.isDue(m) && m.state != Terminating",
		"	for _, m := range p.replicas {\n		if p.isDue(m) && m.state != Terminating",
	}, {
		"the controller does not wait to see its own writes", "An update takes pods down", "controller/apply/expectations.go",
		"	for k, version := range e.written {", "	return \"\"\n	for k, version := range e.written {",
	}, {
		"a new controller trusts its caches", "An update takes pods down", "controller/snapshot/catchup.go",
		"	if f.caughtUp {", "	if true {",
	}, {
		"an update goes on after a delete that failed", "An update takes pods down", "plan/members.go",
		"p.plan.Actions[m.action].InTurn = true", "p.plan.Actions[m.action].InTurn = false",
	},
	// 4. Claims.
	{
		"a claim in deletion is used", "none that is being deleted", "controller/apply/preconditions.go",
		"		case claim.DeletionTimestamp != nil:\n			return stale(claim, \"it is being deleted\")\n", "",
	}, {
		"the retention policies are mixed up", "A claim goes only", "plan/claims.go",
		"policy := appsv1.StatefulSetPersistentVolumeClaimRetentionPolicy{WhenDeleted: keep, WhenScaled: keep}\n	if set := p.Set.Spec.PersistentVolumeClaimRetentionPolicy; set != nil {\n		if set.WhenDeleted != \"\" {\n			policy.WhenDeleted = set.WhenDeleted",
		"policy := appsv1.StatefulSetPersistentVolumeClaimRetentionPolicy{WhenDeleted: keep, WhenScaled: keep}\n	if set := p.Set.Spec.PersistentVolumeClaimRetentionPolicy; set != nil {\n		if set.WhenDeleted != \"\" {\n			policy.WhenDeleted = set.WhenScaled",
	},
	// 5. Revisions.
	{
		"a pod below the partition comes back updated", "comes back as it was", "plan/revisions.go",
		"	case p.belowPartition(ordinal):\n		return p.current", "	case false:\n		return p.current",
	}, {
		"the label names the wrong revision", "revision label tells which", "plan/revisions.go",
		"		return &p.Set.Spec.Template, p.update.Name, nil", "		return &p.Set.Spec.Template, p.current.Name, nil",
	},
	// 6. Others' objects.
	{
		"adopted without a fresh look", "adopted", "controller/apply/preconditions.go",
		"	if now.UID != e.set.UID || now.DeletionTimestamp != nil {", "	if false {",
	}, {
		"deletes carry no preconditions", "belongs to another", "controller/apply/writes.go",
		"err := e.Client.Delete(ctx, object, client.Preconditions{UID: &uid, ResourceVersion: &version}, &client.DeleteOptions{GracePeriodSeconds: grace})",
		"_, _, _ = uid, version, grace\n	err := e.Client.Delete(ctx, object)",
	},
	// 7. Status.
	{
		"observedGeneration runs ahead", "never speaks of a specification", "plan/status.go",
		"status.ObservedGeneration = p.Set.Generation", "status.ObservedGeneration = p.Set.Generation + 1",
	}, {
		"a pod that does not run counts as ready", "status says what is so", "plan/status.go",
		"	status.Replicas++\n", "	status.Replicas++\n	if pod.Status.Phase == corev1.PodPending && pod.DeletionTimestamp == nil {\n		status.ReadyReplicas++\n	}\n",
	}, {
		"terminating pods count as updated", "status says what is so", "plan/status.go",
		"	if pod.DeletionTimestamp != nil || p.isBeside(m)", "	if p.isBeside(m)",
	},
	// 8. Status in time.
	{
		"the status waits for the next try of what was refused", "not more than a second behind", "controller/reconcile.go",
		"	return true, failed\n", "	if failed != nil {\n		s.requeueAfter = 0\n	}\n	return true, failed\n",
	}, {
		"a change that the status counts waits for two seconds", "not more than a second behind", "controller/queue/pending.go",
		"	return max(0, p.since.Add(timing.StatusDelay).Sub(now))", "	return max(0, p.since.Add(2*timing.StatusDelay).Sub(now))",
	},
	// 9. At once.
	{
		"what a pod's status says means nothing", "What may be done is done within a second", "controller/queue/eventfilter.go",
		"	return !reflect.DeepEqual(&before.Status, &after.Status) || // most often\n", "	return",
	}, {
		"a removed pod wakes nobody", "What may be done is done within a second", "controller/engine.go",
		"		return append(e.calls(queue.Actionable, was, object), e.sharers(nil, object)...), nil", "		return append(e.calls(queue.Irrelevant, was, object), e.sharers(nil, object)...), nil",
	},
	// 10. It settles.
	{
		"an error ends the matter", "When the faults stop", "controller/reconcile.go",
		"	return true, failed\n", "	return true, nil\n",
	}, {
		"nobody comes back for what time alone changes", "When the faults stop", "plan/make.go",
		"		p.plan.RequeueAfter = max(d, time.Millisecond)", "		p.plan.RequeueAfter = 0",
	}, {
		"a bad revision is waited for", "When the faults stop", "plan/heal.go",
		"		if p.cannotStart(m) || (", "		if (",
	},
	// 11. Bounded work.
	{
		"the status is written though it has not changed", "out of proportion", "controller/report/status.go",
		"current := equality.Semantic.DeepEqual(set.Status, made.Status)", "current := equality.Semantic.DeepEqual(set.Status, made.Status) && set.Generation == 0",
	}, {
		"a claim's owners are written again and again", "out of proportion", "plan/claims.go",
		"		if !ok || sameOwners(refs, claim.OwnerReferences) {", "		claim = claim.DeepCopy()\n		if !ok {",
	},
}
