package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"ordinal.dev/ordinal/internal/cli/bytebar"
	"ordinal.dev/ordinal/internal/cluster/images"
	"ordinal.dev/ordinal/internal/cluster/instance"
	"ordinal.dev/ordinal/internal/cluster/layout"
	"ordinal.dev/ordinal/internal/signals"
)

func (r *root) newLoad() *cobra.Command {
	var name string
	c := &cobra.Command{
		Use:   "load IMAGE.tar ...",
		Short: "Load images from files, so that pods run them without a registry",
		Long: `Load images from what docker save, podman save and OCI layouts produce,
compressed or not, or from the directory of an OCI layout. The cluster need not
be up. A name is completed as Docker does: my-image is what a pod runs that
names my-image, docker.io/library/my-image or either with :latest.`,
		Example: `  ordinal load my-image.tar
  docker save my-image | ordinal load /dev/stdin`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, paths []string) error {
			if name != "" && len(paths) > 1 {
				return fmt.Errorf("--name is for one archive: load the %d one by one", len(paths))
			}
			return signals.Until(c.Context(), func(ctx context.Context) error {
				return r.withImages(func(l layout.Layout, store *images.Store) error {
					for _, path := range paths {
						if err := r.load(ctx, l, store, images.Load{Path: path, Name: name}); err != nil {
							return err
						}
					}
					return nil
				})
			})
		},
	}
	c.Flags().StringVar(&name, "name", "", "what the image is called, in place of what the archive says")
	return c
}

// load loads one archive and, where the cluster runs, hands it to containerd.
func (r *root) load(ctx context.Context, l layout.Layout, store *images.Store, load images.Load) error {
	bar := &bytebar.Bar{Label: "  " + filepath.Base(load.Path), Now: time.Now}
	if term.IsTerminal(int(r.err.Fd())) {
		bar.Out = r.err
	}
	load.Progress = bar.Report
	names, err := store.Load(ctx, load)
	bar.Done()
	if err != nil {
		return err
	}
	if runsContainers(l) {
		if err := images.Pull(ctx, l.ContainerdSocket(), names...); err != nil {
			return err
		}
	}
	for _, name := range names {
		fmt.Fprintln(r.out, "loaded "+name)
	}
	return nil
}

func (r *root) newImages() *cobra.Command {
	return &cobra.Command{
		Use:   "images",
		Short: "List the images that were loaded",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return r.withImages(func(_ layout.Layout, store *images.Store) error {
				list, err := store.List()
				if err != nil {
					return err
				}
				w := tabwriter.NewWriter(r.out, 0, 0, 3, ' ', 0)
				fmt.Fprintln(w, "NAME\tDIGEST\tPLATFORMS\tSIZE")
				for _, image := range list {
					// Twelve digits are what people compare.
					fmt.Fprintf(w, "%s\t%.12s\t%s\t%s\n", image.Name, image.Digest.Hex, strings.Join(image.Platforms, ","), bytebar.Size(image.Size))
				}
				return w.Flush()
			})
		},
	}
}

func (r *root) newUnload() *cobra.Command {
	return &cobra.Command{
		Use:   "unload NAME ...",
		Short: "Remove images that were loaded; containers that run go on",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, names []string) error {
			return r.withImages(func(l layout.Layout, store *images.Store) error {
				for _, name := range names {
					if err := r.unload(c.Context(), l, store, name); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
}

func (r *root) unload(ctx context.Context, l layout.Layout, store *images.Store, name string) error {
	full, err := store.Remove(name)
	if err != nil {
		return err
	}
	if runsContainers(l) {
		if err := drop(ctx, l, store, full); err != nil {
			return err
		}
	}
	fmt.Fprintln(r.out, "removed "+full)
	return nil
}

// drop takes an image from containerd, which forgets all names of an image at
// once: those that stay in the store are handed to it again.
func drop(ctx context.Context, l layout.Layout, store *images.Store, name string) error {
	if err := images.Drop(ctx, l.ContainerdSocket(), name); err != nil {
		return err
	}
	left, err := store.List()
	if err != nil {
		return err
	}
	names := make([]string, 0, len(left))
	for _, image := range left {
		names = append(names, image.Name)
	}
	return images.Pull(ctx, l.ContainerdSocket(), names...)
}

// withImages runs use on the store of the data directory.
func (r *root) withImages(use func(layout.Layout, *images.Store) error) error {
	l, err := r.layout()
	if err != nil {
		return err
	}
	if err := instance.Unused(l); err != nil {
		return err
	}
	if _, err := os.Stat(l.VersionFile()); errors.Is(err, fs.ErrNotExist) {
		syscall.Umask(0o022) // as at up
		if err := instance.Prepare(l); err != nil {
			return err
		}
	}
	store, err := images.Open(l.Images())
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("the images in %s belong to another user: run this as that user, root in general (sudo)", l.Images())
	}
	if err != nil {
		return err
	}
	return use(l, store)
}

// runsContainers says whether there is a containerd that should have what is
// in the store. A cluster that is down gets it when it starts.
func runsContainers(l layout.Layout) bool {
	_, err := os.Stat(l.ContainerdSocket())
	return err == nil && instance.Alive(l)
}
