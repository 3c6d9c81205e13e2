// Command image puts a static binary in a container image, as a file that
// `ordinal load` reads:
//
//	go run ./hack/image my-image bin/counter bin/my-image.tar tar test
//
// What follows the file are further names that the binary has in the image.
package main

import (
	"fmt"
	"os"

	"ordinal.dev/ordinal/internal/ociimage"
)

func main() {
	if len(os.Args) < 4 {
		fmt.Fprintln(os.Stderr, "usage: image NAME BINARY FILE [LINK...]")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3], os.Args[4:]); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

func run(name, binary, path string, links []string) error {
	image, err := ociimage.Build(binary, links...)
	if err != nil {
		return err
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := ociimage.Write(file, image, name); err != nil {
		file.Close()
		return err
	}
	return file.Close()
}
