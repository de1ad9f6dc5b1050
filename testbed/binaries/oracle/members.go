package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/go-logr/logr"
	appsv1 "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	policy "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	listers "k8s.io/client-go/listers/core/v1"
	core "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
	"k8s.io/endpointslice"
	slices "k8s.io/endpointslice/util"
	defaults "k8s.io/kubernetes/pkg/apis/core/v1"
	"k8s.io/kubernetes/pkg/controller/disruption"
)

const mostEndpoints = 100

// membership asks which Pods a Service, a budget and a controller take for theirs.
type membership struct {
	Service *v1.Service                 `json:"service"`
	Budget  *policy.PodDisruptionBudget `json:"budget"`
	Owner   *appsv1.ReplicaSet          `json:"owner"`
}

// members are the EndpointSlice and the disruption controller, on clients that keep what they write.
type members struct {
	client *fake.Clientset
	pods   cache.Indexer
	nodes  listers.NodeLister
	lock   sync.Mutex
	slices []*discovery.EndpointSlice
	shown  chan *policy.PodDisruptionBudget
	cases  int
}

var startMembers = sync.OnceValue(newMembers)

// askMembers, with the API's defaults: GetServicesToUpdate and Reconciler.Reconcile of k8s.io/endpointslice,
// metav1.IsControlledBy, and one sync of the DisruptionController.
func askMembers(q question) answer {
	return startMembers().decide(q)
}

func (m *members) decide(q question) answer {
	ctx, cancel := context.WithTimeout(context.Background(), decidesIn)
	defer cancel()
	m.cases++
	namespace := fmt.Sprintf("case-%d", m.cases)
	q.Service.Namespace, q.Budget.Namespace, q.Owner.Namespace = namespace, namespace, namespace
	defaults.SetObjectDefaults_Service(q.Service)
	for _, pod := range q.Pods {
		pod.Namespace = namespace
		defaults.SetObjectDefaults_Pod(pod)
		if err := m.pods.Add(pod); err != nil {
			return answer{"error": err.Error()}
		}
		defer func() { _ = m.pods.Delete(pod) }()
	}
	chosen, err := chosenBy(q.Service, q.Pods)
	if err != nil {
		return answer{"error": err.Error()}
	}
	written, err := m.endpoints(q.Service, chosen)
	if err != nil {
		return answer{"error": err.Error()}
	}
	status, err := m.count(ctx, q.Budget)
	if err != nil {
		return answer{"error": err.Error()}
	}
	controlled := []string{}
	for _, pod := range q.Pods {
		if metav1.IsControlledBy(pod, q.Owner) {
			controlled = append(controlled, pod.Name)
		}
	}
	return answer{"chosen": names(chosen), "slices": written, "controlled": controlled, "budget": status}
}

func names(pods []*v1.Pod) []string {
	named := []string{}
	for _, pod := range pods {
		named = append(named, pod.Name)
	}
	return named
}

func chosenBy(service *v1.Service, pods []*v1.Pod) ([]*v1.Pod, error) {
	known := cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc})
	if err := known.Add(service); err != nil {
		return nil, err
	}
	var chosen []*v1.Pod
	for _, pod := range pods {
		services, err := slices.GetServicesToUpdate(listers.NewServiceLister(known), slices.GetPodUpdateProjectionKey(nil, pod))
		if err != nil {
			return nil, err
		}
		if services.Len() > 0 {
			chosen = append(chosen, pod)
		}
	}
	return chosen, nil
}

func (m *members) endpoints(service *v1.Service, pods []*v1.Pod) ([]*discovery.EndpointSlice, error) {
	m.slices = []*discovery.EndpointSlice{}
	reconciler := endpointslice.NewReconciler(
		m.client, m.nodes, mostEndpoints, slices.NewEndpointSliceTracker(), nil, &record.FakeRecorder{}, "oracle",
	)
	err := reconciler.Reconcile(logr.Discard(), service, pods, nil, time.Now())
	return m.slices, err
}

// count has the controller sync a budget once, and returns the status that it writes.
func (m *members) count(ctx context.Context, budget *policy.PodDisruptionBudget) (policy.PodDisruptionBudgetStatus, error) {
	shown := make(chan *policy.PodDisruptionBudget, 1)
	m.lock.Lock()
	m.shown = shown
	m.lock.Unlock()
	budget.Generation = 1
	budgets := m.client.PolicyV1().PodDisruptionBudgets(budget.Namespace)
	if _, err := budgets.Create(ctx, budget, metav1.CreateOptions{}); err != nil {
		return budget.Status, err
	}
	defer func() { _ = budgets.Delete(context.Background(), budget.Name, metav1.DeleteOptions{}) }()
	for {
		select {
		case written := <-shown:
			if written.Namespace == budget.Namespace {
				return written.Status, nil
			}
		case <-ctx.Done():
			return budget.Status, fmt.Errorf("the disruption controller wrote nothing in time")
		}
	}
}

func (m *members) keep(action core.Action) (bool, runtime.Object, error) {
	created := action.(core.CreateAction).GetObject().(*discovery.EndpointSlice)
	m.slices = append(m.slices, created)
	return true, created, nil
}

func (m *members) show(action core.Action) (bool, runtime.Object, error) {
	m.lock.Lock()
	defer m.lock.Unlock()
	select {
	case m.shown <- action.(core.UpdateAction).GetObject().(*policy.PodDisruptionBudget):
	default:
	}
	return false, nil, nil
}

func newMembers() *members {
	m := &members{client: fake.NewSimpleClientset()}
	m.client.PrependReactor("create", "endpointslices", m.keep)
	m.client.PrependReactor("update", "poddisruptionbudgets", m.show)
	ctx := context.Background()
	factory := informers.NewSharedInformerFactory(m.client, 0)
	pods, nodes, apps := factory.Core().V1().Pods(), factory.Core().V1().Nodes(), factory.Apps().V1()
	m.pods, m.nodes = pods.Informer().GetIndexer(), nodes.Lister()
	controller := disruption.NewDisruptionController(
		ctx,
		pods,
		factory.Policy().V1().PodDisruptionBudgets(),
		factory.Core().V1().ReplicationControllers(),
		apps.ReplicaSets(),
		apps.Deployments(),
		apps.StatefulSets(),
		m.client,
		nil,
		nil,
		nil,
	)
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	node := &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node-0"}}
	if err := nodes.Informer().GetIndexer().Add(node); err != nil {
		panic(err)
	}
	go controller.Run(ctx)
	return m
}
