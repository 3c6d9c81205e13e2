//go:build mutants

package mutants

// laterMutants break what is promised of names, of users' Services, of heal and of the fence.
var laterMutants = []mutant{
	// 1. At most one pod of an ordinal runs.
	{
		"a pod without a grace period is deleted without one", "at most one pod runs", "plan/members.go",
		"period == nil || *period != 0 {", "period == nil || *period != 0 || true {",
	},
	// 10. It settles.
	{
		"what never started is waited for", "When the faults stop", "plan/heal.go",
		`	return m.pod.Spec.NodeName == "" || p.mayStillStart(m) == 0`, "	return false",
	},
	// 12. Names.
	{
		"the Service does not follow the ports", "Every member that runs", "plan/service.go",
		" || !samePorts(spec.Ports, wanted.Spec.Ports)", "",
	}, {
		"pods that are no members are selected", "nobody else is", "plan/service_selector.go",
		"		if !hasEnded(pod) && !ofMember &&", "		if false && !hasEnded(pod) && !ofMember &&",
	}, {
		"a Service is made where its user may be about to", "none for three seconds", "plan/service.go",
		"serviceGrace = 3 * time.Second", "serviceGrace = time.Second",
	}, {
		"the Service of a deleted set goes before its pods", "Every member that runs", "plan/service.go",
		"	case service == nil && p.lacksService():", "	case false:",
	},
	// 13. The user's Service.
	{
		"the fields of a Service are not given up", "A Service of a user's", "plan/service.go",
		`	case why == "" && ownsFields(p.Service):`, `	case why == "" && ownsFields(p.Service) && false:`,
	}, {
		"a Service that a user has edited is changed", "A Service of a user's", "plan/service_owner.go",
		`		return m.Manager != FieldManager && m.Subresource == "" && claimsFields(m)`, "		return false",
	}, {
		"a Service that a user has taken over goes with the set", "A Service of a user's", "plan/service_owner.go",
		"Change{Owners: &others, Annotations:", "Change{Annotations:",
	},
	// 14. Heal.
	{
		"all that cannot start go without waiting for each other", "Heal shortens outages", "plan/heal.go",
		"len(queue) > 0 && (coming == nil || p.servingCounts())", "len(queue) > 0",
	}, {
		"heal takes what runs and is not ready", "Heal shortens outages", "plan/heal.go",
		"	case m.state == Stuck:\n", "	case m.state == Stuck || m.state == Unready:\n",
	}, {
		"heal forgets what it took", "Heal shortens outages", "plan/heal.go",
		"		if slices.Contains(p.Healed, m.ordinal) && (", "		if false && (",
	},
	// 15. Never two.
	{
		"a fence is taken for proven once one server has it", "Never two", "controller/interlock/proof.go",
		"	if s.proving.refused < leastRefusals || now.Sub(s.first) < proofTime {", "	if false {",
	}, {
		"nothing is proven", "Never two", "controller/interlock/interlock.go",
		"	case s.proof == 0:\n		return", "	case false:\n		return",
	}, {
		"a fence that is lost goes unnoticed", "Never two", "controller/interlock/observe.go",
		"			i.stop(name, s, i.unproven(name))\n			s.proving = proving{}\n", "			_, _ = name, s\n",
	}, {
		"a plan that was made behind the fence is carried out without", "Never two", "controller/fenced.go",
		"	return func(set types.NamespacedName) bool { return i.MayAct(set).Why == \"\" }", "	return nil",
	},
}
