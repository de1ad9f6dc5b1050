package main

import (
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/plugin/resourcequota"
	"k8s.io/kubernetes/pkg/apis/core"
	corev1 "k8s.io/kubernetes/pkg/apis/core/v1"
	evaluatorcore "k8s.io/kubernetes/pkg/quota/v1/evaluator/core"
	"k8s.io/kubernetes/plugin/pkg/admission/limitranger"
	"k8s.io/utils/clock"
)

// askAdmit creates the Pod up to `times` times: LimitRanger's defaults, then its bounds, then the
// quotas (SetDefaults_Pod, PodMutateLimitFunc, PodValidateLimitFunc, resourcequota.CheckRequest).
func askAdmit(q question) answer {
	corev1.SetObjectDefaults_Pod(q.Pod)
	pod, err := internal(q.Pod)
	if err != nil {
		return answer{"error": err.Error()}
	}
	for _, limitRange := range q.LimitRanges {
		corev1.SetObjectDefaults_LimitRange(limitRange)
		if err := limitranger.PodMutateLimitFunc(limitRange, pod); err != nil {
			return answer{"error": err.Error()}
		}
	}
	resources := map[string]any{}
	mutated := &v1.Pod{}
	if err := corev1.Convert_core_Pod_To_v1_Pod(pod, mutated, nil); err != nil {
		return answer{"error": err.Error()}
	}
	for _, container := range append(mutated.Spec.InitContainers, mutated.Spec.Containers...) {
		resources[container.Name] = map[string]any{
			"requests": list(container.Resources.Requests),
			"limits":   list(container.Resources.Limits),
		}
	}
	refusals := []string{}
	for _, limitRange := range q.LimitRanges {
		if err := limitranger.PodValidateLimitFunc(limitRange, pod); err != nil {
			refusals = append(refusals, err.Error())
		}
	}
	created, quotaSays := admitted(q, pod)
	return answer{"resources": resources, "refusals": refusals, "created": created, "quota": quotaSays}
}

func admitted(q question, pod *core.Pod) (int, string) {
	kind := schema.GroupVersionKind{Version: "v1", Kind: "Pod"}
	pods := schema.GroupVersionResource{Version: "v1", Resource: "pods"}
	evaluator := evaluatorcore.NewPodEvaluator(nil, clock.RealClock{})
	attributes := admission.NewAttributesRecord(
		pod, nil, kind, pod.Namespace, pod.Name, pods, "", admission.Create, nil, false, nil)
	quotas := q.Quotas
	for created := 0; created < q.Times; created++ {
		charged, err := resourcequota.CheckRequest(quotas, attributes, evaluator, nil)
		if err != nil {
			return created, err.Error()
		}
		quotas = charged
	}
	return q.Times, ""
}

// askClaim holds a claim against LimitRanges: PersistentVolumeClaimValidateLimitFunc.
func askClaim(q question) answer {
	claim := &core.PersistentVolumeClaim{}
	if err := corev1.Convert_v1_PersistentVolumeClaim_To_core_PersistentVolumeClaim(q.Claim, claim, nil); err != nil {
		return answer{"error": err.Error()}
	}
	refusals := []string{}
	for _, limitRange := range q.LimitRanges {
		if err := limitranger.PersistentVolumeClaimValidateLimitFunc(limitRange, claim); err != nil {
			refusals = append(refusals, err.Error())
		}
	}
	return answer{"refusals": refusals}
}
