package plugin

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ordinal.dev/ordinal/internal/plugin/handover"
	"ordinal.dev/ordinal/internal/plugin/proposal"
)

// planFiles says what would happen if manifests were applied.
func (e Env) planFiles(c *cobra.Command, at *access, w wish) error {
	if err := w.out.check(); err != nil {
		return err
	}
	documents, err := proposal.Read(w.files, c.InOrStdin())
	if err != nil {
		return err
	}
	if err := proposal.Check(documents, w.files); err != nil {
		return err
	}
	cluster, err := at.connect()
	if err != nil {
		return err
	}
	p := proposal.New(cluster.client)
	if err := p.Apply(c.Context(), documents, cluster.namespace, cluster.named); err != nil {
		return err
	}
	return e.foresee(c.Context(), p, w.out)
}

// planEdit says what would happen if one set was changed as the flags say.
func (e Env) planEdit(c *cobra.Command, at *access, arg string, w wish) error {
	if err := w.out.check(); err != nil {
		return err
	}
	edit, err := w.edit(c)
	if err != nil {
		return err
	}
	name, err := handover.SetName(arg)
	if err != nil {
		return err
	}
	cluster, err := at.connect()
	if err != nil {
		return err
	}
	now, err := cluster.look(name)(c.Context())
	if err != nil {
		return err
	}
	p := proposal.New(cluster.client)
	if err := p.Edit(c.Context(), now.Set, edit); err != nil {
		return err
	}
	return e.foresee(c.Context(), p, w.out)
}

func (w wish) edit(c *cobra.Command) (proposal.Edit, error) {
	edit := proposal.Edit{Images: map[string]string{}}
	if c.Flags().Changed("replicas") {
		if w.replicas < 0 {
			return edit, errors.New("--replicas is less than 0")
		}
		edit.Replicas = &w.replicas
	}
	for _, text := range w.images {
		container, image, ok := strings.Cut(text, "=")
		if !ok || container == "" || image == "" {
			return edit, fmt.Errorf("--image %s says not which container it is for: write CONTAINER=IMAGE", text)
		}
		edit.Images[container] = image
	}
	return edit, nil
}

// foresee prints what would happen, and ends with an exit code that says whether.
func (e Env) foresee(ctx context.Context, p *proposal.Proposal, out output) error {
	report, err := p.Forecast(ctx, time.Now())
	if err != nil {
		return err
	}
	if err := e.print(out, report, report.String()); err != nil {
		return err
	}
	switch {
	case len(report.Refused) > 0:
		return ErrSaid
	case report.Changes:
		return ErrChanges
	}
	return nil
}
