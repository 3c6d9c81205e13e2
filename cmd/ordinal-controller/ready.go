package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

const (
	// patience is how long an instance may take to answer.
	patience = 10 * time.Second
	// longestAnswer, in bytes, is far more than the list of checks.
	longestAnswer = 64 << 10
)

// checkReady asks another instance whether it is ready: the image holds no other program
// that could, for `helm test`. It returns what the instance says.
func checkReady(ctx context.Context, url string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", fmt.Errorf("%q is no address to ask, such as http://ordinal-controller:8081/readyz: %w", url, err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", fmt.Errorf("no answer: %w", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, longestAnswer))
	if err != nil {
		return "", fmt.Errorf("%s ends in the middle of its answer: %w", url, err)
	}
	answer := strings.TrimSpace(string(body))
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s says that it is not ready (%s): %s", url, response.Status, answer)
	}
	return answer, nil
}
