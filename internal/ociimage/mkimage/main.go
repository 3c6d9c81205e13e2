// Command mkimage writes an image of static binaries to a file that
// `ordinal load` takes:
//
//	mkimage -name my-image -link tar -o my-image.tar ./counter
//	mkimage -name tools -user 65532:65532 -o tools.tar amd64/a amd64/b arm64/a arm64/b
//
// Binaries for one platform give what `docker save` would, and those for several
// the tar of an OCI layout, with an image for each. The first binary of a
// platform is what the image runs.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"ordinal.dev/ordinal/internal/ociimage"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "mkimage:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	var recipe ociimage.Recipe
	flags := flag.NewFlagSet("mkimage", flag.ExitOnError)
	name := flags.String("name", "", "name of the image")
	out := flags.String("o", "", "file to write")
	flags.StringVar(&recipe.User, "user", "", "whom the programs run as, uid:gid; empty for root")
	flags.Func("link", "a further name for the first binary in /bin (may be repeated)", func(link string) error {
		recipe.Links = append(recipe.Links, link)
		return nil
	})
	if err := flags.Parse(args); err != nil {
		return err
	}
	recipe.Programs = flags.Args()
	if *name == "" || *out == "" || len(recipe.Programs) == 0 {
		return errors.New("usage: mkimage -name NAME [-user UID:GID] [-link NAME]... -o FILE BINARIES")
	}
	file, err := os.Create(*out)
	if err != nil {
		return err
	}
	digest, err := write(file, recipe, *name)
	if err != nil {
		return errors.Join(err, file.Close(), os.Remove(*out))
	}
	fmt.Printf("%s: %s %s\n", *out, *name, digest)
	return file.Close()
}

// write writes an image or an index, and returns its digest.
func write(to io.Writer, recipe ociimage.Recipe, name string) (string, error) {
	index, err := recipe.BuildIndex()
	if err != nil {
		return "", err
	}
	platforms, err := index.IndexManifest()
	if err != nil {
		return "", err
	}
	if len(platforms.Manifests) > 1 {
		digest, err := index.Digest()
		if err != nil {
			return "", err
		}
		return digest.String(), ociimage.WriteIndex(to, index, name)
	}
	image, err := recipe.Build()
	if err != nil {
		return "", err
	}
	digest, err := image.Digest()
	if err != nil {
		return "", err
	}
	return digest.String(), ociimage.Write(to, image, name)
}
