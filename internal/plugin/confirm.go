package plugin

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// A question is put to a person before something is lost.
type question struct {
	what string // what is about to happen, in one or more lines
	yes  bool   // the flags have answered it
}

// confirm asks a person on a terminal. Elsewhere nobody can be asked, and a flag has to say it.
func (e Env) confirm(in io.Reader, q question) error {
	fmt.Fprintln(e.Out, q.what)
	if q.yes {
		return nil
	}
	if f, ok := in.(*os.File); !ok || !term.IsTerminal(int(f.Fd())) {
		return errors.New("nobody can be asked here: if that is meant, add --yes")
	}
	return e.ask(in)
}

// ask returns an error for every answer but yes.
func (e Env) ask(in io.Reader) error {
	fmt.Fprint(e.Out, "Go on? [y/N] ")
	answer, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && answer == "" {
		return fmt.Errorf("no answer, so nothing is done: %w", err)
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return errors.New("nothing is done")
}
