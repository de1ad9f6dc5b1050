// Command oracle answers as Kubernetes decides, by Kubernetes' own functions: one question in
// JSON a line, one answer a line. Nothing here restates a rule; what it calls is named beside it.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	"github.com/go-logr/logr"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	helpers "k8s.io/component-helpers/resource"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/apis/core"
	corev1 "k8s.io/kubernetes/pkg/apis/core/v1"
)

type question struct {
	Ask         string                    `json:"ask"`
	Text        string                    `json:"text"`
	Status      bool                      `json:"status"`
	Pod         *v1.Pod                   `json:"pod"`
	Claim       *v1.PersistentVolumeClaim `json:"claim"`
	Nodes       []*v1.Node                `json:"nodes"`
	Pods        []*v1.Pod                 `json:"pods"`
	Namespaces  []*v1.Namespace           `json:"namespaces"`
	LimitRanges []*v1.LimitRange          `json:"limitRanges"`
	Quotas      []v1.ResourceQuota        `json:"quotas"`
	Times       int                       `json:"times"`
	scaling
	membership
}

type answer map[string]any

var asked = map[string]func(question) answer{
	"quantity": askQuantity,
	"amounts":  askAmounts,
	"admit":    askAdmit,
	"claim":    askClaim,
	"places":   askPlaces,
	"scale":    askScale,
	"members":  askMembers,
}

func main() {
	klog.SetLogger(logr.Discard())
	lines := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := json.NewEncoder(os.Stdout)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) == 0 && err != nil {
			return
		}
		if err := out.Encode(answered(line)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

func answered(line []byte) answer {
	var q question
	if err := json.Unmarshal(line, &q); err != nil {
		return answer{"error": err.Error()}
	}
	ask, known := asked[q.Ask]
	if !known {
		return answer{"error": fmt.Sprintf("expected a known question, got %q", q.Ask)}
	}
	return ask(q)
}

// askQuantity parses a quantity: resource.ParseQuantity, Quantity.AsDec.
func askQuantity(q question) answer {
	parsed, err := resource.ParseQuantity(q.Text)
	if err != nil {
		return answer{"refused": err.Error()}
	}
	return answer{"amount": exact(parsed)}
}

// askAmounts counts what a Pod asks for: SetDefaults_Pod, PodRequests, PodLimits.
func askAmounts(q question) answer {
	corev1.SetObjectDefaults_Pod(q.Pod)
	options := helpers.PodResourcesOptions{UseStatusResources: q.Status}
	return answer{
		"requests": list(helpers.PodRequests(q.Pod, options)),
		"limits":   list(helpers.PodLimits(q.Pod, options)),
	}
}

func exact(quantity resource.Quantity) string {
	return quantity.AsDec().String()
}

func list(amounts v1.ResourceList) map[string]string {
	exactly := map[string]string{}
	for name, quantity := range amounts {
		exactly[string(name)] = exact(quantity)
	}
	return exactly
}

func internal(pod *v1.Pod) (*core.Pod, error) {
	converted := &core.Pod{}
	return converted, corev1.Convert_v1_Pod_To_core_Pod(pod, converted, nil)
}
