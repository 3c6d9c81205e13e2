//go:build mutants

package mutants

// claimMutants break what is promised of claims that change.
var claimMutants = []mutant{
	// 25. Changed once.
	{
		"what somebody else makes of a claim is taken back", "once for each change", "plan/claims_change.go",
		"	return mark.Template != w.hash && (w.differs || mark.Template != \"\")\n", "	change, kept := w.changeOf(claim)\n	return change != (ClaimChange{}) || kept != \"\" || mark.Template != w.hash && (w.differs || mark.Template != \"\")\n",
	}, {
		"a cache that is behind is believed", "once for each change", "plan/claims_change.go",
		"	case !w.isDue(whole): // the cache is behind\n		return p.followClaim(m, whole)\n", "",
	}, {
		"a claim is to shrink", "At rest, claims that can be", "plan/claims_change.go",
		"w.Size.Cmp(has) < 0 && w.Size.Cmp(capacity) > 0:", "w.Size.Cmp(has) < 0 && capacity.Sign() >= 0:",
	},
	// 26. One instance.
	{
		"only the lost claim is made anew", "The claims of an ordinal are one instance's", "plan/claims_lost.go",
		"		case claim.DeletionTimestamp != nil:\n", "		case claim.DeletionTimestamp != nil || !slices.Contains(lost, claim.Name):\n",
	}, {
		"all but the lost claim are made anew", "The claims of an ordinal are one instance's", "plan/claims_lost.go",
		"			last = append(last, a)\n", "",
	}, {
		"a pod that waits for its node is taken for lost", "A claim goes only by", "plan/claims_lost.go",
		"		case claim.Status.Phase == corev1.ClaimLost:\n", "		case claim.Status.Phase == corev1.ClaimLost || claim.Status.Phase == corev1.ClaimPending:\n",
	}, {
		"lost claims are made anew unasked", "A claim goes only by", "plan/claims_lost.go",
		"	if p.onLost() == v1alpha1.OnLostWait {\n", "	if p.onLost() == \"\" {\n",
	},
	// 27. As asked.
	{
		"what is refused is read again and again", "At rest, claims that can be", "plan/claims_change.go",
		"	case p.isRefused(w, claim):\n		return false\n", "",
	}, {
		"one that cannot grow holds up the others", "At rest, claims that can be", "plan/claims_progress.go",
		"	if stage != ClaimAsked && stage != ClaimChanging && stage != ClaimFileSystem {\n		return false\n	}\n	left", "	if stage != ClaimAsked && stage != ClaimChanging && stage != ClaimFileSystem {\n		return true\n	}\n	left",
	}, {
		"a file system that its node does not grow is waited for", "At rest, claims that can be", "plan/claims_pods.go",
		"		if left, pending := p.mountPending(m, claim); pending && left <= 0 {\n			return claim\n		}\n", "",
	}, {
		"a pod comes back before its volume has grown", "At rest, claims that can be", "plan/claims_unmounted.go",
		"	if len(p.wanted) == 0 || at.IsZero()", "	if true || at.IsZero()",
	}, {
		"a change that is refused is never tried again", "At rest, claims that can be", "plan/claims_change.go",
		"	left := r.At.Add(retryPause(r.Count)).Sub(p.Now)\n", "	left := r.At.Add(24 * time.Hour).Sub(p.Now)\n",
	},
}
