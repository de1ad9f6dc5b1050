package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	listers "k8s.io/client-go/listers/core/v1"
	scalefake "k8s.io/client-go/scale/fake"
	core "k8s.io/client-go/testing"
	defaults "k8s.io/kubernetes/pkg/apis/autoscaling/v2"
	"k8s.io/kubernetes/pkg/controller/podautoscaler"
	"k8s.io/kubernetes/pkg/controller/podautoscaler/metrics"
	cmapi "k8s.io/metrics/pkg/apis/custom_metrics/v1beta2"
	emapi "k8s.io/metrics/pkg/apis/external_metrics/v1beta1"
	metricsapi "k8s.io/metrics/pkg/apis/metrics/v1beta1"
	metricsfake "k8s.io/metrics/pkg/client/clientset/versioned/fake"
	cmfake "k8s.io/metrics/pkg/client/custom_metrics/fake"
	emfake "k8s.io/metrics/pkg/client/external_metrics/fake"
)

const (
	syncPeriod = 2 * time.Millisecond
	decidesIn  = 20 * time.Second
	selector   = "app=web"
)

// scaling is what the controller sees at one sync; of metrics that nobody has there is no entry.
type scaling struct {
	HPA            *autoscalingv2.HorizontalPodAutoscaler `json:"hpa"`
	Replicas       int32                                  `json:"replicas"`
	StatusReplicas int32                                  `json:"statusReplicas"`
	Usage          *[]metricsapi.PodMetrics               `json:"usage"`
	OfPods         map[string]map[string]string           `json:"ofPods"`
	OfObjects      map[string]string                      `json:"ofObjects"`
	External       map[string][]string                    `json:"external"`
}

// autoscaler is the real controller, on clients that have what the questions say.
type autoscaler struct {
	client *fake.Clientset
	pods   listers.PodLister
	lock   sync.Mutex
	asked  map[string]scaling
	shown  map[string]chan *autoscalingv2.HorizontalPodAutoscaler
	cases  int
}

var startAutoscaler = sync.OnceValue(newAutoscaler)

// askScale has HorizontalController reconcile an autoscaler once, with the API's defaults: its status
// shows which replicas it decides on, and by what.
func askScale(q question) answer {
	return startAutoscaler().decide(q)
}

func (a *autoscaler) decide(q question) answer {
	ctx, cancel := context.WithTimeout(context.Background(), decidesIn)
	defer cancel()
	a.lock.Lock()
	a.cases++
	namespace := fmt.Sprintf("case-%d", a.cases)
	shown := make(chan *autoscalingv2.HorizontalPodAutoscaler, 1)
	a.asked[namespace], a.shown[namespace] = q.scaling, shown
	a.lock.Unlock()
	defer a.forget(namespace, q)
	for _, pod := range q.Pods {
		pod.Namespace = namespace
		if _, err := a.client.CoreV1().Pods(namespace).Create(ctx, pod, metav1.CreateOptions{}); err != nil {
			return answer{"error": err.Error()}
		}
	}
	for known := -1; known < len(q.Pods); time.Sleep(time.Millisecond) {
		listed, err := a.pods.Pods(namespace).List(labels.Everything())
		if err != nil || ctx.Err() != nil {
			return answer{"error": fmt.Sprintf("the Pods were not seen: %v", err)}
		}
		known = len(listed)
	}
	q.HPA.Namespace = namespace
	defaults.SetObjectDefaults_HorizontalPodAutoscaler(q.HPA)
	autoscalers := a.client.AutoscalingV2().HorizontalPodAutoscalers(namespace)
	if _, err := autoscalers.Create(ctx, q.HPA, metav1.CreateOptions{}); err != nil {
		return answer{"error": err.Error()}
	}
	select {
	case hpa := <-shown:
		return answer{"status": hpa.Status}
	case <-ctx.Done():
		return answer{"error": "the controller decided nothing in time"}
	}
}

func (a *autoscaler) forget(namespace string, q question) {
	ctx := context.Background()
	_ = a.client.AutoscalingV2().HorizontalPodAutoscalers(namespace).Delete(ctx, q.HPA.Name, metav1.DeleteOptions{})
	for _, pod := range q.Pods {
		_ = a.client.CoreV1().Pods(namespace).Delete(ctx, pod.Name, metav1.DeleteOptions{})
	}
	a.lock.Lock()
	defer a.lock.Unlock()
	delete(a.asked, namespace)
	delete(a.shown, namespace)
}

func (a *autoscaler) of(action core.Action) scaling {
	a.lock.Lock()
	defer a.lock.Unlock()
	return a.asked[action.GetNamespace()]
}

// show hands over the first status that the controller writes of each autoscaler.
func (a *autoscaler) show(action core.Action) (bool, runtime.Object, error) {
	hpa := action.(core.UpdateAction).GetObject().(*autoscalingv2.HorizontalPodAutoscaler)
	a.lock.Lock()
	defer a.lock.Unlock()
	select {
	case a.shown[hpa.Namespace] <- hpa:
	default:
	}
	return false, nil, nil
}

func (a *autoscaler) scale(action core.Action) (bool, runtime.Object, error) {
	if update, ok := action.(core.UpdateAction); ok {
		return true, update.GetObject(), nil
	}
	asked := a.of(action)
	return true, &autoscalingv1.Scale{
		ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: action.GetNamespace()},
		Spec:       autoscalingv1.ScaleSpec{Replicas: asked.Replicas},
		Status:     autoscalingv1.ScaleStatus{Replicas: asked.StatusReplicas, Selector: selector},
	}, nil
}

func (a *autoscaler) usage(action core.Action) (bool, runtime.Object, error) {
	usage := a.of(action).Usage
	if usage == nil {
		return true, nil, fmt.Errorf("nobody answers")
	}
	for index := range *usage { // the fake client goes by their labels, as the server does
		(*usage)[index].Labels = map[string]string{"app": "web"}
	}
	return true, &metricsapi.PodMetricsList{Items: *usage}, nil
}

func (a *autoscaler) custom(action core.Action) (bool, runtime.Object, error) {
	get := action.(cmfake.GetForAction)
	list, asked := &cmapi.MetricValueList{}, a.of(action)
	if get.GetName() == "*" {
		values, known := asked.OfPods[get.GetMetricName()]
		if !known {
			return true, nil, fmt.Errorf("nobody answers")
		}
		for name, value := range values {
			list.Items = append(list.Items, metricValue(name, value))
		}
		return true, list, nil
	}
	value, known := asked.OfObjects[get.GetMetricName()]
	if !known {
		return true, nil, fmt.Errorf("nobody answers")
	}
	list.Items = append(list.Items, metricValue(get.GetName(), value))
	return true, list, nil
}

func metricValue(name, value string) cmapi.MetricValue {
	return cmapi.MetricValue{
		DescribedObject: v1.ObjectReference{Name: name},
		Timestamp:       metav1.Now(),
		Value:           resource.MustParse(value),
	}
}

func (a *autoscaler) external(action core.Action) (bool, runtime.Object, error) {
	values, known := a.of(action).External[action.GetResource().Resource]
	if !known {
		return true, nil, fmt.Errorf("nobody answers")
	}
	list := &emapi.ExternalMetricValueList{}
	for _, value := range values {
		list.Items = append(list.Items, emapi.ExternalMetricValue{Value: resource.MustParse(value)})
	}
	return true, list, nil
}

func newAutoscaler() *autoscaler {
	a := &autoscaler{
		client: fake.NewClientset(),
		asked:  map[string]scaling{},
		shown:  map[string]chan *autoscalingv2.HorizontalPodAutoscaler{},
	}
	a.client.PrependReactor("update", "horizontalpodautoscalers", a.show)
	scales, usage := &scalefake.FakeScaleClient{}, &metricsfake.Clientset{}
	custom, external := &cmfake.FakeCustomMetricsClient{}, &emfake.FakeExternalMetricsClient{}
	scales.AddReactor("*", "deployments", a.scale)
	usage.AddReactor("list", "pods", a.usage)
	custom.AddReactor("get", "*", a.custom)
	external.AddReactor("list", "*", a.external)
	deployment := schema.GroupVersion{Group: "apps", Version: "v1"}
	mapper := meta.NewDefaultRESTMapper([]schema.GroupVersion{deployment})
	mapper.Add(deployment.WithKind("Deployment"), meta.RESTScopeNamespace)
	ctx := context.Background()
	factory := informers.NewSharedInformerFactory(a.client, 0)
	pods := factory.Core().V1().Pods()
	a.pods = pods.Lister()
	controller := podautoscaler.NewHorizontalController(
		ctx,
		fake.NewClientset().CoreV1(),
		scales,
		a.client.AutoscalingV2(),
		mapper,
		metrics.NewRESTMetricsClient(usage.MetricsV1beta1(), custom, external),
		factory.Autoscaling().V2().HorizontalPodAutoscalers(),
		pods,
		syncPeriod,
		5*time.Minute,
		0.1,
		5*time.Minute,
		30*time.Second,
	)
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	go controller.Run(ctx, 1)
	return a
}
