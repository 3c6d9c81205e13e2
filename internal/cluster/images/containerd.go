package images

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// Pull has containerd, which serves on the socket, fetch the images of these
// full names from the registry. A pod whose pull policy is Always would do so
// by itself; IfNotPresent would go on with an older image of the name, and
// Never finds none. Images that containerd has already cost one request each.
func Pull(ctx context.Context, socket string, names ...string) error {
	return withImageService(socket, func(images cri.ImageServiceClient) error {
		var failed []error
		for _, name := range names {
			request := &cri.PullImageRequest{Image: &cri.ImageSpec{Image: name}}
			if _, err := images.PullImage(ctx, request); err != nil {
				failed = append(failed, fmt.Errorf("hand %s to containerd: %w", name, err))
			}
		}
		return errors.Join(failed...)
	})
}

// Drop has containerd forget the image of this full name.
func Drop(ctx context.Context, socket, name string) error {
	return withImageService(socket, func(images cri.ImageServiceClient) error {
		request := &cri.RemoveImageRequest{Image: &cri.ImageSpec{Image: name}}
		if _, err := images.RemoveImage(ctx, request); err != nil {
			return fmt.Errorf("remove %s from containerd: %w", name, err)
		}
		return nil
	})
}

func withImageService(socket string, use func(cri.ImageServiceClient) error) error {
	// The socket is a file that only its owner can open: that is the
	// authentication.
	conn, err := grpc.NewClient("unix://"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer conn.Close()
	return use(cri.NewImageServiceClient(conn))
}
