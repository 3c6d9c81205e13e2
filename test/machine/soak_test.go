package machine

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/kubernetes"

	"ordinal.dev/ordinal/test/rig"
	"ordinal.dev/ordinal/test/world"
)

var (
	rounds = flag.Int("rounds", 10, "how often TestKilledAtAnyMoment kills")
	seed   = flag.Uint64("seed", 0, "where its random numbers begin; 0 takes a new one, and says which")
)

const (
	namespace = "soak"
	// fleeting is the set whose claims go with it.
	fleeting = "fleeting"
)

// A soak is one cluster that is killed again and again, and what it has
// acknowledged.
type soak struct {
	*testing.T
	cluster rig.Cluster
	client  kubernetes.Interface
	random  *rand.Rand

	users  []*user
	diary  diary
	counts counts
}

// TestKilledAtAnyMoment kills processes of the cluster while StatefulSets are
// created, updated, scaled and deleted, and objects when anything that was
// acknowledged is lost, when the sets do not converge, or when something that no
// pod needs is left on the machine.
//
// A seed repeats who is killed and when, and what the users ask for; what the
// machine does meanwhile is its own.
func TestKilledAtAnyMoment(t *testing.T) {
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	t.Logf("%d rounds; to repeat: -seed %d", *rounds, *seed)
	s := newSoak(t)
	var results []result
	for n := range *rounds {
		r, err := s.round(s.victim(n))
		if err != nil {
			t.Fatalf("round %d of %d, seed %d: %s was killed: %v\n%s", n+1, *rounds, *seed, r.victim, err, s.picture())
		}
		t.Logf("round %d of %d: %s", n+1, *rounds, r)
		results = append(results, r)
	}
	must(t, eventually(s.nothingRemembered))
	t.Log(summary(results))
	// At last `ordinal down` finds nobody alive whom it could ask to end.
	must(t, killed(standby, ordinal, containerd)(s))
}

func newSoak(t *testing.T) *soak {
	s := &soak{
		T: t, cluster: rig.Start(t, binary, rig.Dir(t), images...), random: rand.New(rand.NewPCG(*seed, 0)),
		diary: diary{acked: map[string]string{}}, counts: counts{},
	}
	for i, adapt := range []func(*appsv1.StatefulSet){
		func(set *appsv1.StatefulSet) { set.Name = "ordered" },
		func(set *appsv1.StatefulSet) {
			set.Name, set.Spec.PodManagementPolicy = "parallel", appsv1.ParallelPodManagement
		},
		func(set *appsv1.StatefulSet) {
			set.Name = fleeting
			set.Spec.PersistentVolumeClaimRetentionPolicy = &appsv1.StatefulSetPersistentVolumeClaimRetentionPolicy{
				WhenDeleted: appsv1.DeletePersistentVolumeClaimRetentionPolicyType, WhenScaled: appsv1.DeletePersistentVolumeClaimRetentionPolicyType,
			}
		},
	} {
		var named appsv1.StatefulSet
		adapt(&named)
		s.users = append(s.users, &user{name: named.Name, adapt: adapt, random: rand.New(rand.NewPCG(*seed, uint64(i+1)))})
	}
	must(t, s.connect())
	_, err := s.client.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, metav1.CreateOptions{})
	must(t, err)
	return s
}

// connect takes a new client: the old one may keep connections to a server that
// is gone.
func (s *soak) connect() (err error) {
	s.client, err = s.cluster.Client(answerWithin)
	return err
}

// round lets the users work, kills, has the cluster come back, and checks.
func (s *soak) round(v victim) (r result, err error) {
	r = result{victim: v.name, instant: time.Duration(s.random.IntN(3000)) * time.Millisecond}
	before, err := s.cluster.Status()
	if err != nil {
		return r, err
	}
	finish := s.work()
	pause(s.Context().Done(), r.instant)
	killed := time.Now()
	err = v.kill(s)
	if v.after == nothing && err == nil {
		pause(s.Context().Done(), time.Second) // the users go on meanwhile
	}
	if err := errors.Join(err, finish()); err != nil {
		return r, err
	}
	if err := s.recovered(v.after, before); err != nil {
		return r, err
	}
	r.up = time.Since(killed)
	if err := s.connect(); err != nil {
		return r, err
	}
	if r.pages, err = s.nothingLost(); err != nil {
		return r, err
	}
	if err := eventually(s.converged); err != nil {
		return r, err
	}
	r.ready = time.Since(killed)
	r.files = len(s.counts)
	return r, errors.Join(s.counts.onDisk(s.cluster.Dir, namespace), eventually(s.nothingLeaked))
}

// recovered has the cluster be up again after a kill.
func (s *soak) recovered(after recovery, before rig.Status) error {
	switch after {
	case aPerson:
		if out, err := s.cluster.Try("up", "--kubeconfig", ""); err != nil {
			return fmt.Errorf("ordinal up: %w\n%s", err, out)
		}
	case itself:
		return eventually(func() error { return cameBack(s.cluster, before) })
	}
	return nil
}

// cameBack objects until another process than before runs the cluster.
func cameBack(c rig.Cluster, before rig.Status) error {
	now, err := c.Status()
	if err == nil && (!now.Alive || now.Phase != "running" || now.PID == before.PID) {
		err = fmt.Errorf("the cluster did not come back by itself: %+v", now)
	}
	return err
}

// work has everybody work until finish is called, which returns what they have
// to object to.
func (s *soak) work() (finish func() error) {
	stop := make(chan struct{})
	var all sync.WaitGroup
	for _, u := range s.users {
		all.Go(func() { u.work(stop, s.client, namespace) })
	}
	all.Go(func() { s.diary.write(stop, s.client, namespace) })
	var wentBack error
	all.Go(func() { wentBack = s.counts.post(stop, s.client, namespace) })
	return func() error {
		close(stop)
		all.Wait()
		return wentBack
	}
}

// nothingLost objects to every write that was acknowledged and is not there.
func (s *soak) nothingLost() (pages int, err error) {
	pages, err = s.diary.read(s.Context(), s.client, namespace)
	lost := []error{err}
	for _, u := range s.users {
		set, err := s.client.AppsV1().StatefulSets(namespace).Get(s.Context(), u.name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			set, err = nil, nil
		}
		if err != nil {
			return pages, err
		}
		lost = append(lost, u.recall(set))
	}
	return pages, errors.Join(lost...)
}

// converged objects until every set is as its user wants it, all of its pods
// are Ready, and no other pod is left.
func (s *soak) converged() error {
	pods, err := s.pods()
	if err != nil {
		return err
	}
	byName := map[string]*corev1.Pod{}
	for i := range pods {
		if !world.IsReady(&pods[i]) || pods[i].DeletionTimestamp != nil {
			return fmt.Errorf("the pod %s is not Ready, or stopping", pods[i].Name)
		}
		byName[pods[i].Name] = &pods[i]
	}
	for _, u := range s.users {
		if err := s.asWanted(u, byName); err != nil {
			return err
		}
	}
	if len(byName) > 0 {
		return fmt.Errorf("nobody wants these pods: %v", sets.KeySet(byName).UnsortedList())
	}
	return s.running(len(pods))
}

// asWanted takes the pods that the user wants off the list.
func (s *soak) asWanted(u *user, pods map[string]*corev1.Pod) error {
	set, err := s.client.AppsV1().StatefulSets(namespace).Get(s.Context(), u.name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) && !u.acked.exists {
		if u.acked.orphans {
			for i := range 5 {
				delete(pods, fmt.Sprintf("%s-%d", u.name, i))
			}
		}
		return nil
	}
	if err != nil {
		return err
	}
	if !u.acked.is(set) || set.DeletionTimestamp != nil {
		return fmt.Errorf("%s is to have %s, and there is %s", u.name, u.acked, seen(set))
	}
	want := u.acked.replicas
	got := set.Status
	if got.ObservedGeneration != set.Generation || got.Replicas != want || got.ReadyReplicas != want || got.UpdatedReplicas != want {
		return fmt.Errorf("%s is to have %d replicas at generation %d: its status is %s", u.name, want, set.Generation, world.Summary(got))
	}
	for i := range want {
		name := fmt.Sprintf("%s-%d", u.name, i)
		pod := pods[name]
		if pod == nil || !metav1.IsControlledBy(pod, set) || pod.Spec.Containers[0].Image != u.acked.image {
			return fmt.Errorf("the pod %s of %s is not there, of somebody else or of an old revision", name, u.acked)
		}
		claim, err := s.client.CoreV1().PersistentVolumeClaims(namespace).Get(s.Context(), "data-"+name, metav1.GetOptions{})
		if err != nil || claim.Status.Phase != corev1.ClaimBound || claim.DeletionTimestamp != nil {
			return fmt.Errorf("the claim of %s is not bound (%w)", name, err)
		}
		delete(pods, name)
	}
	return nil
}

func (s *soak) pods() ([]corev1.Pod, error) {
	ctx, cancel := context.WithTimeout(s.Context(), answerWithin)
	defer cancel()
	list, err := s.client.CoreV1().Pods("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	return list.Items, nil
}

// running objects unless as many pods run in truth: what the API says of a pod
// whose processes were just killed is a second old.
func (s *soak) running(pods int) error {
	held, err := rig.Hold(s.Context(), s.cluster.Dir)
	if err != nil {
		return err
	}
	if n := len(held["process"]); n != 2*pods {
		return fmt.Errorf("%d pods are to run, and these are all processes: %q", pods, held["process"])
	}
	return nil
}

// nothingLeaked objects to all that is on the machine and that no pod needs, and
// to sets that are no longer as they were.
func (s *soak) nothingLeaked() error {
	pods, err := s.pods()
	if err != nil {
		return err
	}
	uids := sets.New[string]()
	for _, pod := range pods {
		uids.Insert(string(pod.UID))
	}
	held, err := rig.Hold(s.Context(), s.cluster.Dir)
	if err != nil {
		return err
	}
	return errors.Join(held.Exactly(uids), s.volumes(), s.converged())
}

// nothingRemembered objects to what containerd knows of pods that are gone. The
// kubelet sweeps that up once a minute, so it is looked at once, after all
// rounds.
func (s *soak) nothingRemembered() error {
	pods, err := s.pods()
	if err != nil {
		return err
	}
	held, err := rig.Hold(s.Context(), s.cluster.Dir)
	if err != nil {
		return err
	}
	gone := sets.New(held[rig.Sandbox]...)
	for _, pod := range pods {
		gone.Delete(string(pod.UID))
	}
	if gone.Len() > 0 {
		return fmt.Errorf("containerd still knows sandboxes of %d pods that are gone: %q", gone.Len(), sets.List(gone))
	}
	return nil
}

// volumes objects to a directory without a volume, and to a volume without its
// directory.
func (s *soak) volumes() error {
	list, err := s.client.CoreV1().PersistentVolumes().List(s.Context(), metav1.ListOptions{})
	if err != nil {
		return err
	}
	want := sets.New[string]()
	for _, volume := range list.Items {
		want.Insert(volume.Spec.Local.Path)
	}
	dirs, err := filepath.Glob(filepath.Join(s.cluster.Dir, "volumes/*/*/*"))
	if got := sets.New(dirs...); err == nil && !got.Equal(want) {
		err = fmt.Errorf("directories without a volume: %q; volumes without a directory: %q", sets.List(got.Difference(want)), sets.List(want.Difference(got)))
	}
	return err
}
