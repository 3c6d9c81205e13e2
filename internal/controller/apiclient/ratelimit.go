package apiclient

import (
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/flowcontrol"
)

// Limit has all clients of the configuration together make so many requests a second, or
// as many as they like if it is negative. The returned configuration is the lease's: it
// is never limited, since a lease that waits behind writes is lost.
func Limit(config *rest.Config, qps float32) (lease *rest.Config) {
	config.QPS = -1
	lease = rest.CopyConfig(config)
	if qps > 0 {
		config.RateLimiter = flowcontrol.NewTokenBucketRateLimiter(qps, max(1, int(2*qps)))
	}
	return lease
}
