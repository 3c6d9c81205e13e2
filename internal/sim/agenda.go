package sim

import (
	"container/heap"
	"time"
)

// agenda holds what is going to happen, by time, and at one time in the order in
// which it was entered.
type agenda struct {
	items   []item
	entered int
}

type item struct {
	at    time.Time
	order int
	who   string // whose doing it is
	do    func()
}

// enter has somebody do something at a time.
func (a *agenda) enter(at time.Time, who string, do func()) {
	a.entered++
	heap.Push(a, item{at, a.entered, who, do})
}

// next takes the first item, if it is due by the given time.
func (a *agenda) next(by time.Time) (item, bool) {
	if len(a.items) == 0 || a.items[0].at.After(by) {
		return item{}, false
	}
	return heap.Pop(a).(item), true
}

func (a *agenda) Len() int { return len(a.items) }

func (a *agenda) Less(i, j int) bool {
	x, y := &a.items[i], &a.items[j]
	if !x.at.Equal(y.at) {
		return x.at.Before(y.at)
	}
	return x.order < y.order
}

func (a *agenda) Swap(i, j int) { a.items[i], a.items[j] = a.items[j], a.items[i] }

func (a *agenda) Push(x any) { a.items = append(a.items, x.(item)) }

func (a *agenda) Pop() any {
	last := a.items[len(a.items)-1]
	a.items[len(a.items)-1] = item{}
	a.items = a.items[:len(a.items)-1]
	return last
}
