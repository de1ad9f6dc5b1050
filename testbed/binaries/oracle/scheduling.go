package main

import (
	"context"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/client-go/informers"
	fwk "k8s.io/kube-scheduler/framework"
	corev1 "k8s.io/kubernetes/pkg/apis/core/v1"
	"k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/kubernetes/pkg/scheduler/backend/cache"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/feature"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/interpodaffinity"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/nodeaffinity"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/nodename"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/nodeports"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/noderesources"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/nodeunschedulable"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/podtopologyspread"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/tainttoleration"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"
	"k8s.io/kubernetes/pkg/scheduler/metrics"
)

func init() {
	metrics.Register()
}

type filter struct {
	make func(context.Context, runtime.Object, fwk.Handle, feature.Features) (fwk.Plugin, error)
	args runtime.Object
}

// The scheduler's own filters; those of volumes and devices are left out.
var filters = []filter{
	{nodeunschedulable.New, nil},
	{nodename.New, nil},
	{tainttoleration.New, nil},
	{nodeaffinity.New, &config.NodeAffinityArgs{}},
	{nodeports.New, nil},
	{noderesources.NewFit, &config.NodeResourcesFitArgs{ScoringStrategy: &config.ScoringStrategy{
		Type:      config.LeastAllocated,
		Resources: []config.ResourceSpec{{Name: "cpu", Weight: 1}},
	}}},
	{podtopologyspread.New, &config.PodTopologySpreadArgs{DefaultingType: config.ListDefaulting}},
	{interpodaffinity.New, &config.InterPodAffinityArgs{HardPodAffinityWeight: 1}},
}

// askPlaces says for each node which of the scheduler's filters refuse the Pod there.
func askPlaces(q question) answer {
	ctx := context.Background()
	corev1.SetObjectDefaults_Pod(q.Pod)
	for _, pod := range q.Pods {
		corev1.SetObjectDefaults_Pod(pod)
	}
	snapshot := cache.NewSnapshot(q.Pods, q.Nodes)
	informersOf := informers.NewSharedInformerFactory(nil, 0)
	for _, namespace := range q.Namespaces {
		if err := informersOf.Core().V1().Namespaces().Informer().GetIndexer().Add(namespace); err != nil {
			return answer{"error": err.Error()}
		}
	}
	handle, err := frameworkruntime.NewFramework(ctx, nil, nil,
		frameworkruntime.WithSnapshotSharedLister(snapshot),
		frameworkruntime.WithInformerFactory(informersOf))
	if err != nil {
		return answer{"error": err.Error()}
	}
	infos, err := snapshot.NodeInfos().List()
	if err != nil {
		return answer{"error": err.Error()}
	}
	refused := map[string][]string{}
	for _, node := range q.Nodes {
		refused[node.Name] = []string{}
	}
	gates := feature.NewSchedulerFeaturesFromGates(utilfeature.DefaultFeatureGate)
	for _, each := range filters {
		plugin, err := each.make(ctx, each.args, handle, gates)
		if err != nil {
			return answer{"error": err.Error()}
		}
		for name, why := range refusedBy(ctx, plugin, q.Pod, infos) {
			refused[name] = append(refused[name], plugin.Name()+": "+why)
		}
	}
	return answer{"refused": refused}
}

// refusedBy runs one plugin as frameworkImpl does: PreFilter, then Filter unless it said skip.
func refusedBy(ctx context.Context, plugin fwk.Plugin, pod *v1.Pod, infos []fwk.NodeInfo) map[string]string {
	refused := map[string]string{}
	state := framework.NewCycleState()
	var only *fwk.PreFilterResult
	if pre, does := plugin.(fwk.PreFilterPlugin); does {
		result, status := pre.PreFilter(ctx, state, pod, infos)
		if status.IsSkip() {
			return refused
		}
		if !status.IsSuccess() {
			for _, info := range infos {
				refused[info.Node().Name] = status.Message()
			}
			return refused
		}
		only = result
	}
	for _, info := range infos {
		name := info.Node().Name
		if only != nil && !only.AllNodes() && !only.NodeNames.Has(name) {
			refused[name] = "not among the nodes of PreFilter"
			continue
		}
		if status := plugin.(fwk.FilterPlugin).Filter(ctx, state, pod, info); !status.IsSuccess() {
			refused[name] = status.Message()
		}
	}
	return refused
}
