//go:build mutants

package mutants

// inPlaceMutants break what is promised of updates in place.
var inPlaceMutants = []mutant{
	// 3. An update keeps to its budget and order.
	{
		"what is on its way in place counts as available", "An update takes pods down", "plan/inplace.go",
		"p.isMoving(m) && m.state > Unready {", "false {",
	},
	// 21. Labels.
	{
		"the label does not wait for the resources", "revision label is what its containers run", "plan/inplace_resize.go",
		"func resized(pod *corev1.Pod, wanted map[string]corev1.ResourceRequirements) bool {\n",
		"func resized(pod *corev1.Pod, wanted map[string]corev1.ResourceRequirements) bool {\n	if len(wanted) > 0 {\n		return true\n	}\n",
	}, {
		"what another leader has asked for is taken for done", "revision label is what its containers run", "plan/inplace.go",
		"	if len(change.Resources) > 0 && !resized(pod, change.Resources) {\n		p.awaitResize(pod, mark, why)\n		return\n	}\n", "",
	}, {
		"a container that still runs is taken for the new one", "revision label is what its containers run", "plan/inplace.go",
		"status == nil || status.ContainerID == m.moves.Containers[name] {", "status == nil {",
	}, {
		"the label stays as it was", "revision label is what its containers run", "controller/apply/writes.go",
		"		addTo(metadata, \"labels\", change.Pod.Labels)\n", "",
	}, {
		"what goes back keeps the resources that it has got", "revision label is what its containers run", "plan/inplace.go",
		"	if len(m.moves.Back) == 0 {\n", "	if len(m.moves.Back) >= 0 {\n",
	},
	// 22. Places.
	{
		"a pod is recreated where it should only be updated in place", "keeps its place", "plan/inplace.go",
		"		if p.rollout.InPlace.Mode != v1alpha1.InPlaceOnly {\n", "		if p.mayMove() {\n",
	}, {
		"nothing is updated in place", "keeps its place", "plan/inplace.go",
		"	if !p.mayMove() || p.belowPartition(m.ordinal) {\n		return false", "	if true {\n		return false",
	},
}
