// Command mkimage writes an image of one static binary to a file that
// `ordinal load` and `docker load` take:
//
//	mkimage -name my-image -link tar -o my-image.tar ./counter
package main

import (
	"errors"
	"flag"
	"fmt"
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
	var links []string
	flags := flag.NewFlagSet("mkimage", flag.ExitOnError)
	name := flags.String("name", "", "name of the image")
	out := flags.String("o", "", "file to write")
	flags.Func("link", "a further name for the binary in /bin (may be repeated)", func(link string) error {
		links = append(links, link)
		return nil
	})
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *name == "" || *out == "" || flags.NArg() != 1 {
		return errors.New("usage: mkimage -name NAME [-link NAME]... -o FILE BINARY")
	}
	image, err := ociimage.Build(flags.Arg(0), links...)
	if err != nil {
		return err
	}
	file, err := os.Create(*out)
	if err != nil {
		return err
	}
	if err := ociimage.Write(file, image, *name); err != nil {
		return errors.Join(err, file.Close(), os.Remove(*out))
	}
	return file.Close()
}
