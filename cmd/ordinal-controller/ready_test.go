package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestAnInstanceIsAskedWhetherItIsReady(t *testing.T) {
	ready := true
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !ready {
			http.Error(w, "[-]fence failed: the policy is missing", http.StatusInternalServerError)
		}
	}))
	if err := run(t.Context(), []string{"--check-ready", server.URL + "/readyz"}); err != nil {
		t.Errorf("a ready instance: %v", err)
	}
	ready = false
	if err := run(t.Context(), []string{"--check-ready", server.URL + "/readyz"}); err == nil || !strings.Contains(err.Error(), "the policy is missing") {
		t.Errorf("err = %v, want what the instance says", err)
	}
	server.Close()
	if err := run(t.Context(), []string{"--check-ready", server.URL + "/readyz"}); err == nil || !strings.Contains(err.Error(), "no answer") {
		t.Errorf("err = %v, want that nobody answers", err)
	}
}
