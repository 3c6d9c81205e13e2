// Package rights asks an API server what the person at the keyboard may do, before any of
// it is done.
package rights

import (
	"context"
	"fmt"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// A Right is one that is needed.
type Right struct {
	Verb, Group, Resource string
	Namespace, Name       string // empty for all
}

// String is the right as `kubectl auth can-i` takes it.
func (r Right) String() string {
	words := r.Verb + " " + r.Resource
	if r.Group != "" {
		words += "." + r.Group
	}
	if r.Name != "" {
		words += "/" + r.Name
	}
	if r.Namespace != "" {
		words += " -n " + r.Namespace
	}
	return words
}

// Missing are those of the rights that are not there, by the API server's word.
func Missing(ctx context.Context, c client.Client, needed ...Right) ([]Right, error) {
	var missing []Right
	for _, r := range needed {
		review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
			ResourceAttributes: &authorizationv1.ResourceAttributes{
				Verb: r.Verb, Group: r.Group, Resource: r.Resource, Namespace: r.Namespace, Name: r.Name,
			},
		}}
		if err := c.Create(ctx, review); err != nil {
			return nil, fmt.Errorf("asking the API server for this user's rights: %w", err)
		}
		if !review.Status.Allowed {
			missing = append(missing, r)
		}
	}
	return missing, nil
}

// Need is an error with all that are missing, nil if none is.
func Need(ctx context.Context, c client.Client, needed ...Right) error {
	missing, err := Missing(ctx, c, needed...)
	if err != nil || len(missing) == 0 {
		return err
	}
	words := make([]string, len(missing))
	for i, r := range missing {
		words[i] = r.String()
	}
	return fmt.Errorf("this user lacks rights; ask an administrator of the cluster for: %s", strings.Join(words, ", "))
}
