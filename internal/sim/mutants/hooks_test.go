//go:build mutants

package mutants

// hookMutants break what is promised of hand-overs.
var hookMutants = []mutant{
	// 23. Once to success.
	{
		"who takes over has pods hand over again", "is not run again", "plan/handover.go",
		"	if done := t.done(); done != nil {\n", "	if done := t.done(); done != nil && p.runOf(m, HandOverHook, t.round) != nil {\n",
	}, {
		"a hand-over that has succeeded is tried again", "is not run again", "plan/handover.go",
		"	case r.OK:\n		p.noteHandOver(t, r.Ended)\n", "",
	},
	// 24. Leaders hand over.
	{
		"nobody is asked to hand over", "is not taken down while it has the role", "plan/handover.go",
		"	if m.state != Available || p.policy", "	if true || p.policy",
	}, {
		"that the role moves is not waited for", "is not taken down while it has the role", "plan/handover.go",
		"	if p.policy.Spec.Role == nil {\n		return true\n	}\n	m, left", "	if true {\n		return true\n	}\n	m, left",
	},
}
