//go:build mutants

package mutants

// memberMutants break what is promised of members.
var memberMutants = []mutant{
	// 28. Leaving first.
	{
		"nobody is asked to leave", "goes when it has left", "plan/leaving.go",
		"	case hook == nil || p.leavesUnasked(m):\n		return true\n", "	case hook == nil || m.pod != nil:\n		return true\n",
	}, {
		"one that has not left yet has", "goes when it has left", "plan/leaving_ask.go",
		"	case r != nil && r.OK && !r.runs():\n		p.noteLeft(m, d, r, holds)\n", "	case r != nil && (r.OK || r.NotYet) && !r.runs():\n		p.noteLeft(m, d, r, holds)\n",
	}, {
		"a leave that has ended has succeeded", "goes when it has left", "plan/leaving_ask.go",
		"	case r != nil && r.OK && !r.runs():\n		p.noteLeft(m, d, r, holds)\n", "	case r != nil && !r.runs():\n		p.noteLeft(m, d, r, holds)\n",
	}, {
		"a leave that is late is given up, whatever the policy says", "goes when it has left", "plan/leaving_ask.go",
		"	case late && hook.OnFailure == v1alpha1.Continue:\n", "	case late && hook.OnFailure != \"\" || late:\n",
	}, {
		"a set that is deleted in order asks nobody", "goes when it has left", "plan/deletion.go",
		"	case p.mayGo(left[0]):\n", "	case left[0].state != Terminating:\n",
	},
	// 29. Who stays knows it.
	{
		"one that is wanted again is not told so", "has been told so", "plan/leaving_back.go",
		"d.Left.IsZero() && !d.Since.IsZero() && p.isToStay(m, d):", "d.Left.IsZero() && d.Since.IsZero() && p.isToStay(m, d):",
	}, {
		"a cancel that has failed will do", "has been told so", "plan/leaving_back.go",
		"	case r != nil && !r.runs() && r.OK:\n		return false\n", "	case r != nil && !r.runs():\n		return false\n",
	}, {
		"a leave that goes on undoes its cancel", "has been told so", "plan/leaving_back.go",
		"	case r != nil && !r.runs() && r.OK && leaveRuns:\n", "	case r != nil && !r.runs() && r.OK && r.NotYet:\n",
	}, {
		"one that was lost is forgotten when it is wanted again", "has been told so", "plan/leaving_gone.go",
		"	case p.comesBack(ordinal, d):\n		return false\n", "	case p.comesBack(ordinal, d):\n		return true\n",
	},
	// 30. Reserved ordinals.
	{
		"one reserved ordinal is used", "A reserved ordinal gets no pod", "plan/ordinals.go",
		"	if len(reserved) == 0 {\n", "	if len(reserved) <= 1 {\n",
	}, {
		"a removal has its effect at once", "a pod is created when", "plan/removal.go",
		"|| r.Set != set.UID || set.Generation > r.Generation {", "|| r.Set != set.UID || set.Generation >= r.Generation {",
	}, {
		"the pod of a reserved ordinal stays", "A reserved ordinal gets no pod", "plan/scale.go",
		"		if m.extra {\n			continue\n		}\n", "		if m.extra || p.ordinals.Reserves(m.ordinal) {\n			continue\n		}\n",
	},
	// 31. Deleted in reverse.
	{
		"the lowest goes first", "deleted in reverse order", "plan/deletion.go",
		"return cmp.Compare(b.ordinal, a.ordinal)", "return cmp.Compare(a.ordinal, b.ordinal)",
	}, {
		"the next does not wait for the one before", "deleted in reverse order", "plan/deletion.go",
		"return !m.owned() && m.state != Adopting })", "return !m.owned() && m.state != Adopting || m.state == Terminating })",
	}, {
		"a set goes before its last pod", "deleted in reverse order", "plan/deletion.go",
		"	case len(left) == 0:\n", "	case len(left) <= 1:\n",
	}, {
		"a set whose policy is gone is not kept", "deleted in reverse order", "plan/deletion.go",
		"	case p.policy != nil && !p.inReverse():\n", "	case !p.inReverse():\n",
	},
	// 32. Overrides.
	{
		"one override is another for every ordinal", "change of an override", "plan/override.go",
		"	return override.HashOn(m.pod) != p.overrideFor(m.ordinal).Hash()\n", "	return len(p.overridesInUse()) > 0 && override.HashOn(m.pod) == \"\" || override.HashOn(m.pod) != p.overrideFor(m.ordinal).Hash()\n",
	}, {
		"pods go for overrides that are refused", "change of an override", "plan/override.go",
		"	if p.overrideFor(m.ordinal) == nil || !p.outdated(m) {\n", "	if p.overrideFor(m.ordinal) != nil || !p.outdated(m) {\n",
	}, {
		"an override names the next ordinal, too", "change of an override", "override/override.go",
		"return r.Contains(ordinal) })", "return r.Contains(ordinal) || r.Contains(ordinal-1) })",
	}, {
		"pods are made without overrides", "change of an override", "plan/override.go",
		"	} else if why != \"\" {\n		o = nil\n", "	} else if why != \"\" || o != nil && len(p.replicas) > 1 {\n		o = nil\n",
	},
	// 33. Joins first.
	{
		"nobody joins", "comes when it has joined", "plan/joining_ask.go",
		"	why := p.whyNotJoined(m)\n", "	_, why := p.whyNotJoined(m), \"\"\n",
	}, {
		"who is asked to join has joined", "comes when it has joined", "plan/joining_ask.go",
		"	case r != nil && r.OK && !r.runs():\n", "	case r != nil && !r.runs():\n		r.Ended = p.Now\n",
	}, {
		"several join at once", "comes when it has joined", "plan/joining_ask.go",
		"		if ordinal == m.ordinal {\n", "		if true {\n",
	},
}
