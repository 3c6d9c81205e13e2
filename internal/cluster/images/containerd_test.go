package images

import (
	"context"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// imageService stands in for containerd's. It has the images whose names do
// not contain "missing".
type imageService struct {
	cri.UnimplementedImageServiceServer
	pulled, removed []string
}

func (s *imageService) PullImage(_ context.Context, r *cri.PullImageRequest) (*cri.PullImageResponse, error) {
	if strings.Contains(r.Image.Image, "missing") {
		return nil, status.Error(codes.NotFound, "not found")
	}
	s.pulled = append(s.pulled, r.Image.Image)
	return &cri.PullImageResponse{}, nil
}

func (s *imageService) RemoveImage(_ context.Context, r *cri.RemoveImageRequest) (*cri.RemoveImageResponse, error) {
	s.removed = append(s.removed, r.Image.Image)
	return &cri.RemoveImageResponse{}, nil
}

// serve serves CRI on a socket until the test ends.
func (s *imageService) serve(t *testing.T) (socket string) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "cri.sock")
	listener := must(net.Listen("unix", socket))(t)
	server := grpc.NewServer()
	cri.RegisterImageServiceServer(server, s)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return socket
}

func TestContainerdIsHandedEveryImageThatCanBeHad(t *testing.T) {
	s := &imageService{}
	err := Pull(t.Context(), s.serve(t), "a:1", "missing:1", "b:1")
	if err == nil || !strings.Contains(err.Error(), "hand missing:1 to containerd") {
		t.Errorf("error %v, want one that names the missing image", err)
	}
	if !slices.Equal(s.pulled, []string{"a:1", "b:1"}) {
		t.Errorf("pulled %v, want both others", s.pulled)
	}
}

func TestContainerdForgetsWhatIsDropped(t *testing.T) {
	s := &imageService{}
	if err := Drop(t.Context(), s.serve(t), "a:1"); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(s.removed, []string{"a:1"}) {
		t.Errorf("removed %v", s.removed)
	}
}

func TestContainerdThatDoesNotAnswerIsAnError(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "none.sock")
	if err := Pull(t.Context(), socket, "a:1"); err == nil {
		t.Error("pulled without a containerd")
	}
	if err := Drop(t.Context(), socket, "a:1"); err == nil {
		t.Error("dropped without a containerd")
	}
}
