package apply

import (
	"testing"
	"time"
)

func TestMoreAreWrittenAtATimeWhereThatIsFaster(t *testing.T) {
	const webhook = time.Second
	for name, test := range map[string]struct {
		took func(n int) time.Duration // by a batch of n
		want []int                     // the sizes of the first batches
	}{
		"a webhook takes a second":             {func(int) time.Duration { return webhook }, []int{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 512, 512}},
		"a server does a hundred in a second":  {func(n int) time.Duration { return time.Duration(n) * 10 * time.Millisecond }, []int{1, 2, 4, 8, 16, 32, 32, 32}},
		"a server answers fast":                {func(int) time.Duration { return 10 * time.Millisecond }, []int{1, 2, 4, 8, 16, 32, 32, 32}},
		"a webhook does a hundred in a second": {func(n int) time.Duration { return max(webhook, time.Duration(n)*10*time.Millisecond) }, []int{1, 2, 4, 8, 16, 32, 64, 128, 256, 128, 128}},
	} {
		t.Run(name, func(t *testing.T) {
			p := pacing{size: 1}
			for i, want := range test.want {
				if p.size != want {
					t.Errorf("batch %d is of %d, want %d", i+1, p.size, want)
				}
				p = p.after(test.took(p.size))
			}
		})
	}
}

func TestFewerAreWrittenAtATimeWhenThatHasBecomeSlower(t *testing.T) {
	p := pacing{size: 128, last: 128, each: time.Second / 128}
	p = p.after(3 * time.Second)
	if p.size != 64 {
		t.Errorf("%d at a time, want 64", p.size)
	}
}
