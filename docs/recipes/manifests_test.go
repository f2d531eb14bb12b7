// Package recipes holds the recipes to what would read them: manifests to the types of Kubernetes, command
// lines to the flags of package cli, scripts to a shell.
package recipes_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"sigs.k8s.io/yaml"
)

// kinds are what the manifests may be.
var kinds = map[string]func() any{
	"batch/v1 Job":                  func() any { return new(batchv1.Job) },
	"apps/v1 Deployment":            func() any { return new(appsv1.Deployment) },
	"policy/v1 PodDisruptionBudget": func() any { return new(policyv1.PodDisruptionBudget) },
}

// manifests are the objects of a file, decoded so that a field that the type does not have is an error.
func manifests(t *testing.T, file string) (list []any) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for doc := range bytes.SplitSeq(text, []byte("\n---\n")) {
		var head struct{ APIVersion, Kind string }
		if err := yaml.Unmarshal(doc, &head); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		of, known := kinds[head.APIVersion+" "+head.Kind]
		if !known {
			t.Fatalf("%s: no type for %+v", file, head)
		}
		object := of()
		if err := yaml.UnmarshalStrict(doc, object); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		list = append(list, object)
	}
	return list
}

// pods are the pods of a manifest, with what selects them.
func pods(object any) (selector map[string]string, pod *corev1.PodTemplateSpec) {
	switch o := object.(type) {
	case *batchv1.Job:
		return nil, &o.Spec.Template
	case *appsv1.Deployment:
		return o.Spec.Selector.MatchLabels, &o.Spec.Template
	}
	return nil, nil
}

func TestManifests(t *testing.T) {
	files, err := filepath.Glob("kubernetes/*.yaml")
	if err != nil || len(files) < 3 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, file := range files {
		for _, object := range manifests(t, file) {
			selector, pod := pods(object)
			if pod == nil {
				continue
			}
			for key, value := range selector {
				if pod.Labels[key] != value {
					t.Errorf("%s: the selector does not select its own pods: %s=%s", file, key, value)
				}
			}
			ports := []string{}
			for _, c := range pod.Spec.Containers {
				for _, p := range c.Ports {
					ports = append(ports, p.Name)
				}
				for _, probe := range []*corev1.Probe{c.StartupProbe, c.ReadinessProbe, c.LivenessProbe} {
					if probe != nil && !slices.Contains(ports, probe.HTTPGet.Port.StrVal) {
						t.Errorf("%s: a probe of a port that is not there: %s", file, probe.HTTPGet.Port.StrVal)
					}
				}
				if c.LivenessProbe != nil && c.StartupProbe == nil {
					t.Errorf("%s: without a startup probe the liveness probe kills what runs operations", file)
				}
			}
			for _, c := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
				if !slices.ContainsFunc(c.Env, func(e corev1.EnvVar) bool { return e.Name == "DATABASE_URL" }) {
					t.Errorf("%s: container %s has no database", file, c.Name)
				}
				if len(c.Command) == 0 && c.Args[0] != "server" {
					commandLine(t, file, c.Args)
				}
			}
		}
	}
}

func TestAFieldThatTheTypeDoesNotHaveIsAnError(t *testing.T) {
	doc := "apiVersion: batch/v1\nkind: Job\nspec:\n  backofLimit: 2\n"
	if err := yaml.UnmarshalStrict([]byte(doc), new(batchv1.Job)); err == nil {
		t.Error("a misspelt field passes, so the test of the manifests tests nothing")
	}
}
