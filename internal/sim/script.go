package sim

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"time"
)

// A Script is all that makes one history: who does what and when, and how often
// things go wrong. Everything else follows from its seed.
type Script struct {
	Seed   uint64
	Nodes  int
	End    time.Duration // when the faults are over
	Faults Faults
	Moves  []Move // by time
	// Fenced has a fence in the history, and the in-tree controller behind it.
	Fenced bool
	// About is the only subject that has moves of its own; "" leaves it to the seed.
	About Subject
	// Except is a regular expression: promises whose sentence it matches are not looked
	// at. "" is for none.
	Except string
}

// Faults are what goes wrong until the end of a script, in thousandths of the
// chances it has, and how slow the watches are.
type Faults struct {
	Refused  int // 500 or 429: not done, and said so
	TimedOut int // not done, and not said
	Lost     int // done, and the answer lost
	Crash    int // the controller stops right after a write
	// Lag is by how much a kind's events may be late, each kind's for itself.
	Lag time.Duration
	// Reconnects are the events instead of which a watch breaks, and lists what is
	// there.
	Reconnects int
	// Past is how old the caches may be of a controller that starts.
	Past time.Duration
	// Slow is how long a request or its answer may be on its way, if that is long.
	Slow time.Duration
	// Stubborn are the containers that do not stop before the faults are over.
	Stubborn int
}

// A Subject is what a script may have moves about beside those that all scripts have.
type Subject string

// The subjects.
const (
	AboutPolicies Subject = "policies" // roll-outs, and hooks
	AboutInPlace  Subject = "in-place"
	AboutMembers  Subject = "members"
	AboutClaims   Subject = "claims"
)

// Subjects are all of them.
var Subjects = []Subject{AboutPolicies, AboutInPlace, AboutMembers, AboutClaims}

// has reports whether a script has moves about a subject, as one in n does.
func (s *Script) has(r *rand.Rand, subject Subject, n int) bool {
	drawn := r.IntN(n) == 0
	if s.About != "" {
		return s.About == subject
	}
	return drawn
}

// A Move is something that somebody does once.
type Move struct {
	At   time.Duration
	What What
	Set  string // the set it is about
	N    int    // a number that the move needs: replicas, an ordinal, a node
	Text string // a word that it needs: a policy, an image, a strategy
}

// excepts reports whether a promise is not looked at.
func (s *Script) excepts(p promise) bool {
	return s.Except != "" && regexp.MustCompile(s.Except).MatchString(p.sentence)
}

// What is a kind of move.
type What string

// What users do.
const (
	create         What = "create"
	inherit        What = "inherit"   // from the in-tree controller
	autoscale      What = "autoscale" // N: a third of how often
	scale          What = "scale"
	roll           What = "roll"            // Text: how the new image behaves
	rollBack       What = "roll back"       // to the image before
	partition      What = "partition"       // N
	maxUnavailable What = "max unavailable" // N
	strategy       What = "strategy"        // Text
	minReady       What = "min ready"       // N seconds
	start          What = "start"           // N
	retention      What = "retention"       // Text: whenDeleted/whenScaled
	annotate       What = "annotate"
	remove         What = "delete" // Text: the cascade
	deletePod      What = "delete pod"
	deleteClaim    What = "delete claim"
	loseOwner      What = "lose owner"  // somebody strips a pod of its owner
	loseLabels     What = "lose labels" // somebody takes a pod out of the selector
	squat          What = "squat"       // somebody makes a pod of a member's name
	loseStatus     What = "lose status" // somebody empties the set's status
	dropRevision   What = "drop revision"
	quota          What = "quota" // N pods; 0 lifts it
	endNamespace   What = "delete namespace"
	upgrade        What = "upgrade" // of the cluster: revisions are spelled otherwise from now on
	deleteAll      What = "delete all pods"
	lodge          What = "lodge"           // a pod of nobody's with labels of the set's. Text: which; "" for all
	bringService   What = "bring Service"   // Text: how, and what it is like
	replaceService What = "replace Service" // by force. Text: what the new one is like
	deleteService  What = "delete Service"
	editService    What = "edit Service" // Text: labels, or selector
)

// What becomes of pods, nodes and controllers.
const (
	evict      What = "evict"          // N: ordinal
	fail       What = "fail"           // N: ordinal; the container ends for good
	restartPod What = "restart pod"    // N: ordinal; the container ends and is started again
	cutOff     What = "cut off"        // N: node
	comeBack   What = "come back"      // N: node
	powerOff   What = "power off"      // N: node
	giveUp     What = "out of service" // N: node; the user says so, and its pods are removed
	powerCut   What = "power cut"      // N: after how many seconds all nodes are back
	restartAll What = "restart pods"   // each container of the set ends and is started again
	restart    What = "restart controller"
	failOver   What = "fail over"        // N: for how many seconds the old leader goes on
	pause      What = "pause controller" // N seconds
	jump       What = "jump"             // N seconds the controller's clock is off
	relist     What = "relist"           // Text: the kind
)

func (m Move) String() string {
	words := string(m.What)
	if m.Set != "" {
		words += " " + m.Set
	}
	if m.Text != "" {
		words += " " + m.Text
	}
	return fmt.Sprintf("%s %d", words, m.N)
}

// Compose makes the script of a seed, about a subject or, if it is "", about any.
func Compose(seed uint64, about Subject) Script {
	r := rand.New(rand.NewPCG(seed, 0x07d1))
	s := Script{Seed: seed, About: about, Nodes: 1 + r.IntN(3), Faults: someFaults(r)}
	s.End = time.Duration(60+r.IntN(400)) * time.Second
	sets := []string{"web", "db"}[:1+r.IntN(5)/4]
	for _, set := range sets {
		begin := []What{create, create, create, inherit}[r.IntN(4)]
		s.Moves = append(s.Moves, Move{What: begin, Set: set, At: seconds(r, 5), N: r.IntN(5), Text: fmt.Sprint(r.Uint32())})
	}
	for range 2 + r.IntN(9) {
		s.Moves = append(s.Moves, someMove(r, sets[r.IntN(len(sets))], s.End))
	}
	s.addMoves(rand.New(rand.NewPCG(seed, 0x5e7)), sets)
	s.addFence(rand.New(rand.NewPCG(seed, 0xfe2ce)))
	s.addPolicies(rand.New(rand.NewPCG(seed, 0x5757)), sets)
	s.addInPlace(rand.New(rand.NewPCG(seed, 0x9ace)), sets)
	s.addMembers(rand.New(rand.NewPCG(seed, 0x3e3b)), sets)
	s.addHooks(rand.New(rand.NewPCG(seed, 0x4004)))
	s.addClaims(rand.New(rand.NewPCG(seed, 0xc1a1)), sets)
	slices.SortStableFunc(s.Moves, func(a, b Move) int { return int(a.At - b.At) })
	return s
}

// addMoves adds to some scripts what has come to the world since they were numbered: two
// sets of one Service, moves about Services, and total outages.
func (s *Script) addMoves(r *rand.Rand, sets []string) {
	if r.IntN(8) == 0 {
		words := " service=peers" + []string{"", " role", " role version", " version"}[r.IntN(4)]
		if len(sets) == 1 {
			s.Moves = append(s.Moves, Move{What: create, Set: "db", At: seconds(r, 60), N: r.IntN(4), Text: fmt.Sprint(r.Uint32())})
			sets = append(sets, "db")
		}
		for i := range s.Moves {
			if m := &s.Moves[i]; m.What == create || m.What == inherit {
				m.Text += words
			}
		}
	}
	if r.IntN(3) == 0 {
		for range 1 + r.IntN(3) {
			s.Moves = append(s.Moves, someServiceMove(r, sets[r.IntN(len(sets))], s.End))
		}
	}
	if r.IntN(4) == 0 {
		s.Moves = append(s.Moves, someOutage(r, sets[r.IntN(len(sets))], s.End)...)
	}
}

func someServiceMove(r *rand.Rand, set string, end time.Duration) Move {
	m := Move{What: likelyOfServices[r.IntN(len(likelyOfServices))], Set: set, N: r.IntN(5), At: time.Duration(r.Int64N(int64(end)))}
	pick := func(words ...string) string { return words[r.IntN(len(words))] }
	switch m.What {
	case bringService:
		m.Text = pick("create", "apply", "server-side") + pick("", "", " address", " elsewhere")
		if r.IntN(2) == 0 {
			m.At = seconds(r, 10) // around the time when the set is made
		}
	case replaceService:
		m.Text = pick("", "", "address", "elsewhere")
	case editService:
		m.Text = pick("labels", "selector")
	case lodge:
		m.Text = pick("", "app", "app role", "app role release", releaseLabel)
	}
	return m
}

// likelyOfServices are the moves about Services, and about whom they select.
var likelyOfServices = []What{
	bringService, bringService, bringService, replaceService, replaceService, deleteService, deleteService, editService, lodge, lodge,
}

// someOutage takes all pods of a set down, under a revision that does not come back,
// and rolls another one out.
func someOutage(r *rand.Rand, set string, end time.Duration) []Move {
	at := time.Duration(r.Int64N(int64(end)))
	after := func(seconds int) time.Duration {
		at = min(at+time.Duration(r.IntN(1000*seconds))*time.Millisecond, end-time.Millisecond)
		return at
	}
	pick := func(words ...string) string { return words[r.IntN(len(words))] }
	return []Move{
		{What: roll, Set: set, At: at, Text: pick(fragile, fragile, loop, mountless, config, unseen, crash)},
		{What: []What{powerCut, restartAll, restartAll, deleteAll}[r.IntN(4)], Set: set, At: after(60), N: r.IntN(30)},
		{What: roll, Set: set, At: after(60), Text: pick(good, quorate, quorate)},
	}
}

func seconds(r *rand.Rand, most int) time.Duration {
	return time.Duration(r.IntN(most*1000)) * time.Millisecond
}

// someFaults are none in a quarter of the scripts, and otherwise each kind in a
// third of them, rare or frequent.
func someFaults(r *rand.Rand) Faults {
	var f Faults
	if r.IntN(4) == 0 {
		return f
	}
	rate := func(most int) int {
		if r.IntN(3) > 0 {
			return 0
		}
		return 1 + r.IntN(most)
	}
	f.Refused, f.TimedOut, f.Lost, f.Crash = rate(200), rate(100), rate(150), rate(60)
	f.Reconnects, f.Stubborn = rate(200), rate(250)
	f.Lag = time.Duration(rate(90)) * time.Second
	f.Past = time.Duration(rate(120)) * time.Second
	f.Slow = time.Duration(rate(1500)) * time.Millisecond
	return f
}

// mostSkew is how far a controller's clock may jump, either way.
const mostSkew = 300 * time.Second

// likely lists the moves to choose from, the frequent ones several times.
var likely = []What{
	scale, scale, scale, roll, roll, roll, roll, rollBack, rollBack, partition, maxUnavailable, strategy, minReady,
	start, retention, retention, annotate, remove, remove, create, deletePod, deletePod, deleteClaim, deleteClaim,
	loseOwner, loseLabels, squat, loseStatus, dropRevision, quota, quota, autoscale, autoscale, endNamespace,
	evict, evict, fail, restartPod, cutOff, comeBack, powerOff, giveUp,
	restart, restart, restart, failOver, failOver, pause, jump, relist,
}

func someMove(r *rand.Rand, set string, end time.Duration) Move {
	m := Move{What: likely[r.IntN(len(likely))], Set: set, N: r.IntN(5), At: time.Duration(r.Int64N(int64(end)))}
	pick := func(words ...string) string { return words[r.IntN(len(words))] }
	switch m.What {
	case create:
		m.Text = fmt.Sprint(r.Uint32())
	case endNamespace: // after which little is left to happen
		if r.IntN(4) > 0 {
			m.What = annotate
		}
	case roll:
		m.Text = pick("good", "good", "good", "slow", "crash", "pull", "unready", "nowhere")
	case strategy:
		m.Text = pick("RollingUpdate", "RollingUpdate", "OnDelete", "Recreate")
	case retention:
		m.Text = pick("Retain/Retain", "Delete/Retain", "Retain/Delete", "Delete/Delete")
	case remove:
		m.Text = pick("Background", "Foreground", "Orphan")
	case deleteClaim:
		m.Text = pick("", "and pod")
	case relist:
		m.Text = pick("statefulsets", "pods", "persistentvolumeclaims", "controllerrevisions")
	case minReady, pause, failOver:
		m.N = r.IntN(30)
	case jump:
		m.N = r.IntN(2*int(mostSkew/time.Second)) - int(mostSkew/time.Second)
	case maxUnavailable:
		m.N = 1 + r.IntN(3)
	}
	return m
}

// String lists the moves and the faults.
func (s Script) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d, %d nodes, faults until %s: %+v\n", s.Seed, s.Nodes, s.End, s.Faults)
	for _, m := range s.Moves {
		fmt.Fprintf(&b, "  %9s  %s\n", m.At.Round(time.Millisecond), m)
	}
	return b.String()
}
