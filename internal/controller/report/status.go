package report

import (
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	"ordinal.dev/ordinal/internal/controller/timing"
	"ordinal.dev/ordinal/internal/plan"
)

// Progress is how far a set has got with a plan.
type Progress struct {
	InLine bool // it has not begun with the plan, since other sets are before it
	RanOut bool // there was no time for all of the plan
}

// Report tells of a plan and of what was done of it: in events, and in the status, which
// write writes. It returns when to come back for what it did not tell yet, zero for
// never.
func (r *Reporter) Report(set *appsv1.StatefulSet, made *plan.Plan, p Progress, m *Memory, write func() error) (time.Duration, error) {
	repeat := r.warn(set, made.Events, m)
	m.tellOfClaims(made)
	if p.InLine {
		inLine(&set.Status, &made.Status)
		if samePods(&set.Status, &made.Status) {
			return repeat, nil
		}
	}
	due, err := r.status(set, made, p.RanOut, m, write)
	return timing.Soonest(due, repeat), err
}

// status writes what is out of date, the status and the events of what was done: at once
// when the set comes to rest, a refusal is new, or there was no time for all of the plan,
// and otherwise when it has been out of date for timing.StatusDelay. What differs each
// time, such as refusals, or what another leader says of a set at rest, is written once in
// that time. It returns when to come back for what it did not write yet.
func (r *Reporter) status(set *appsv1.StatefulSet, made *plan.Plan, ranOut bool, m *Memory, write func() error) (time.Duration, error) {
	now := r.clock.Now()
	current := equality.Semantic.DeepEqual(set.Status, made.Status)
	if current && (len(m.unrecorded) == 0 || m.roomDue.After(now)) {
		m.behindSince = time.Time{}
		return m.untilRoom(now), nil
	}
	if !made.AtRest() {
		m.restedAt = time.Time{} // to come to rest again is news
	}
	refusedAnew := m.planned != nil && (m.told == nil || *m.told != *m.planned) && now.Sub(m.toldAt) >= timing.StatusDelay
	rests := made.AtRest() && (current || now.Sub(m.restedAt) >= timing.StatusDelay)
	if !rests && !refusedAnew && !ranOut {
		if m.behindSince.IsZero() {
			m.behindSince = m.changedAt
		}
		if left := m.behindSince.Add(timing.StatusDelay).Sub(now); left > 0 {
			return left, nil
		}
	}
	r.recordDone(set, m)
	if !current {
		if err := write(); err != nil {
			return 0, err
		}
		if made.AtRest() {
			m.restedAt = now
		}
	}
	if refusedAnew {
		m.toldAt = now
	}
	m.behindSince, m.told = time.Time{}, m.planned
	return m.untilRoom(now), nil
}

// inLine makes of the status that a plan would report the one of a set in line: it
// counts the pods as they are, and otherwise stays that of the generation it names.
func inLine(written, made *appsv1.StatefulSetStatus) {
	made.ObservedGeneration = written.ObservedGeneration
	if made.UpdateRevision != written.UpdateRevision {
		made.CurrentRevision, made.UpdateRevision = written.CurrentRevision, written.UpdateRevision
		made.CurrentReplicas = min(written.CurrentReplicas, made.Replicas)
		made.UpdatedReplicas = min(written.UpdatedReplicas, made.Replicas)
	}
}

// samePods reports whether two statuses count the same pods. If so, the written one
// holds for the generation that it names, and is not behind.
func samePods(written, now *appsv1.StatefulSetStatus) bool {
	return written.Replicas == now.Replicas && written.ReadyReplicas == now.ReadyReplicas && written.AvailableReplicas == now.AvailableReplicas
}
