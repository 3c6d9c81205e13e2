package timing

import "time"

const (
	// StatusDelay is how far the written status may be behind while a set moves.
	StatusDelay = time.Second
	// FirstRetry and LastRetry bound the pauses between tries of what the API
	// server refused. The last is how long a raised quota may go unnoticed.
	FirstRetry = 50 * time.Millisecond
	LastRetry  = 30 * time.Second
)

// Soonest is the smaller of two times to requeue after, of which zero is none.
func Soonest(a, b time.Duration) time.Duration {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}
