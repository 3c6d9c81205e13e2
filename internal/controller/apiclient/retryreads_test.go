package apiclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr/funcr"
)

// serverDown cannot be reached until some time, and then answers with a body that
// breaks off. Before it there may be a load balancer.
type serverDown struct {
	until    time.Time
	balancer int         // what a load balancer answers when it cannot be reached; 0 without one
	header   http.Header // that it answers with
	looks    int
}

func (s *serverDown) RoundTrip(*http.Request) (*http.Response, error) {
	s.looks++
	switch isDown := time.Now().Before(s.until); {
	case isDown && s.balancer != 0:
		return &http.Response{StatusCode: s.balancer, Status: fmt.Sprint(s.balancer, " of a balancer"), Header: s.header, Body: http.NoBody}, nil
	case isDown:
		return nil, errors.New("connection refused")
	}
	return &http.Response{StatusCode: http.StatusOK, Body: brokenOff{strings.NewReader("abc")}}, nil
}

type brokenOff struct{ io.Reader }

func (b brokenOff) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err != nil {
		err = errors.New("connection lost")
	}
	return n, err
}

func (brokenOff) Close() error { return nil }

// ask makes a request of a server that is down for a while, and returns how long the
// answer took and what was logged.
func ask(t *testing.T, ctx context.Context, s *serverDown, method, url string) (*http.Response, time.Duration, []string, error) {
	t.Helper()
	var logged []string
	connection := RetryReads(funcr.New(func(_, args string) { logged = append(logged, args) }, funcr.Options{}))(s)
	request, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	asked := time.Now()
	response, err := connection.RoundTrip(request)
	return response, time.Since(asked), logged, err
}

func TestAReadIsAnsweredSoonAfterAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const outage = 10 * time.Minute
		s := &serverDown{until: time.Now().Add(outage)}
		_, took, logged, err := ask(t, t.Context(), s, http.MethodGet, "/api/v1/pods")
		if err != nil || took > outage+longestRetry {
			t.Errorf("answered after %s with %v, want within %s of the outage's end", took, err, longestRetry)
		}
		if most := int(2*outage/longestRetry) + 10; s.looks > most {
			t.Errorf("looked %d times within %s", s.looks, outage)
		}
		if len(logged) != 2 || !strings.Contains(logged[0], "cannot be reached") || !strings.Contains(logged[0], "connection refused") || !strings.Contains(logged[1], `"after"="10m`) {
			t.Errorf("logged %q, want that it cannot be reached and why, and that it can again and after how long", logged)
		}
	})
}

func TestALoadBalancerWithoutAServerIsAnOutage(t *testing.T) {
	for _, test := range []struct {
		code   int
		header http.Header
		want   int
	}{
		{http.StatusBadGateway, nil, http.StatusOK},
		{http.StatusServiceUnavailable, nil, http.StatusOK},
		{http.StatusServiceUnavailable, http.Header{"Retry-After": {"1"}}, http.StatusServiceUnavailable},
		{http.StatusInternalServerError, nil, http.StatusInternalServerError},
		{http.StatusTooManyRequests, nil, http.StatusTooManyRequests},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &serverDown{until: time.Now().Add(time.Minute), balancer: test.code, header: test.header}
			response, _, logged, err := ask(t, t.Context(), s, http.MethodGet, "/api/v1/pods")
			if err != nil || response.StatusCode != test.want {
				t.Errorf("%d %v: answered with %v, %v", test.code, test.header, response, err)
			}
			if told := len(logged) == 2 && strings.Contains(logged[0], "of a balancer"); told != (test.want == http.StatusOK) {
				t.Errorf("%d %v: logged %q", test.code, test.header, logged)
			}
		})
	}
}

func TestARequestThatFailsOnceIsNoOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &serverDown{until: time.Now().Add(1)}
		if _, _, logged, err := ask(t, t.Context(), s, http.MethodGet, "/api/v1/pods"); err != nil || s.looks != 2 || len(logged) != 0 {
			t.Errorf("after %d looks %v, and logged %q", s.looks, err, logged)
		}
	})
}

func TestAWriteIsNotMadeAgain(t *testing.T) {
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		synctest.Test(t, func(t *testing.T) {
			s := &serverDown{until: time.Now().Add(time.Minute)}
			if _, took, _, err := ask(t, t.Context(), s, method, "/api/v1/pods"); err == nil || took > 0 || s.looks != 1 {
				t.Errorf("%s: %v after %s and %d requests", method, err, took, s.looks)
			}
		})
	}
}

func TestNobodyWaitsForAnAnswerThatIsNotWanted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		s := &serverDown{until: time.Now().Add(time.Hour)}
		if _, took, _, err := ask(t, ctx, s, http.MethodGet, "/api/v1/pods"); err == nil || err.Error() != "connection refused" || took != 5*time.Second {
			t.Errorf("%v after %s, want why it cannot be reached, after 5s", err, took)
		}
	})
}

func TestAWatchThatBreaksOffEndsAsIfByTheServer(t *testing.T) {
	for url, whole := range map[string]bool{"/api/v1/pods?watch=true": true, "/api/v1/pods": false} {
		response, _, _, err := ask(t, t.Context(), &serverDown{}, http.MethodGet, url)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(response.Body); !slices.Equal(got, []byte("abc")) || (err == nil) != whole {
			t.Errorf("%s: read %q and %v", url, got, err)
		}
	}
}
