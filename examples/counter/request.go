package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// runRequest prints what a URL answers. An answer that is not a success is an
// error, so that `kubectl exec` and scripts see it.
func runRequest(ctx context.Context, method string, args []string, out io.Writer) error {
	if len(args) != 1 {
		return fmt.Errorf("usage: counter %s URL", method)
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, strings.ToUpper(method), args[0], nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(out, response.Body); err != nil {
		return err
	}
	if response.StatusCode >= 300 {
		return fmt.Errorf("%s answered %s", args[0], response.Status)
	}
	return nil
}
