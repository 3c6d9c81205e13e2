package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"text/template"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	kyaml "k8s.io/apimachinery/pkg/util/yaml"
)

const (
	chartDir = root + "/charts/ordinal"
	// namespace is that which install.yaml makes, and which the README names.
	namespace = "ordinal-system"
	// hook marks what Helm makes on its own occasions, which are not an installation.
	hook = "helm.sh/hook"
)

// A request is what a chart is rendered for.
type request struct {
	values   map[string]any
	by       string // who installs it; "" for Helm
	platform string // the cluster's version, such as v1.33.1-gke.1; "" for any
	older    bool   // the cluster has no MutatingAdmissionPolicy
	// there is what the cluster has of a kind and name, nil for nothing.
	there func(kind, name string) map[string]any
}

// render returns the chart's files by their names below templates.
func (r request) render() (map[string]string, error) {
	chart, err := loader.Load(chartDir)
	if err != nil {
		return nil, err
	}
	cluster := common.DefaultCapabilities.Copy()
	if r.platform != "" {
		cluster.KubeVersion = common.KubeVersion{Version: r.platform, Major: "1", Minor: "33"}
	}
	if !r.older {
		cluster.APIVersions = append(cluster.APIVersions, mutating)
	}
	values, err := util.ToRenderValues(chart, r.values, common.ReleaseOptions{
		Name: "ordinal", Namespace: namespace, Revision: 1, IsInstall: true,
	}, cluster)
	if err != nil {
		return nil, err
	}
	if release, ok := values["Release"].(map[string]any); ok && r.by != "" {
		release["Service"] = r.by
	}
	files, err := (engine.Engine{Strict: true, CustomTemplateFuncs: r.lookup()}).RenderWithContext(context.Background(), chart, values)
	if err != nil {
		return nil, err
	}
	rendered := map[string]string{}
	for name, content := range files {
		rendered[strings.TrimPrefix(name, "ordinal/templates/")] = content
	}
	return rendered, nil
}

// lookup is the template function by which a chart looks at the cluster, where there is one.
func (r request) lookup() template.FuncMap {
	if r.there == nil {
		return nil
	}
	return template.FuncMap{"lookup": func(_, kind, _, name string) map[string]any { return r.there(kind, name) }}
}

// objects returns what the chart makes, hooks included, in the order of its files.
func (r request) objects() ([]*unstructured.Unstructured, error) {
	files, err := r.render()
	if err != nil {
		return nil, err
	}
	var all []*unstructured.Unstructured
	for _, name := range sorted(files) {
		if path.Ext(name) != ".yaml" {
			continue
		}
		found, err := decode(files[name])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, found...)
	}
	return all, nil
}

func sorted(files map[string]string) []string {
	var names []string
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func decode(documents string) ([]*unstructured.Unstructured, error) {
	var found []*unstructured.Unstructured
	for r := kyaml.NewYAMLOrJSONDecoder(bytes.NewReader([]byte(documents)), 4096); ; {
		object := &unstructured.Unstructured{}
		switch err := r.Decode(&object.Object); {
		case errors.Is(err, io.EOF):
			return found, nil
		case err != nil:
			return nil, err
		case len(object.Object) > 0:
			found = append(found, object)
		}
	}
}
