package snapshots

import (
	"cmp"
	"math"
	"net/url"
	"slices"
	"strings"

	"github.com/tidwall/gjson"
)

// A Registry is the schema registry: which services there are, and where they are deployed. It holds no more than rules
// need: no header, no property and no part of an address that may be a secret is ever kept.
type Registry struct {
	Document *Document
	// Legacy is true for the shape that Restate up to 1.4 writes (services and deployments), false for deployments_v2.
	Legacy   bool
	LegacyAt Position
	// Deployments are in ascending order of ids.
	Deployments []Deployment
	// Subscriptions are in ascending order of ids.
	Subscriptions []Subscription
	// KafkaClusters are the names of the clusters that the registry itself configures (Restate 1.7), in ascending order.
	KafkaClusters []string
	// Secrets are the places outside of deployments that seem to hold secrets.
	Secrets []Secret

	latest map[string]string // the deployment of each service in the legacy shape
}

// A Deployment is an endpoint that serves services.
type Deployment struct {
	ID string
	// Endpoint is the scheme, host and port of an HTTP endpoint; Path is true when there is more. It is empty for a Lambda.
	Endpoint string
	Path     bool
	// ProtocolStart and ProtocolEnd are the lowest and the highest service protocol that the SDK speaks; 0 where unknown.
	ProtocolStart, ProtocolEnd uint64
	SDK                        string
	Services                   []ServiceRevision
	// Secrets are the names of what seems to hold a secret, in ascending order.
	Secrets []Secret
	// At is the deployment, EndpointAt its type, ProtocolAt the range of protocols.
	At, EndpointAt, ProtocolAt Position
}

// A ServiceRevision is a service as one deployment serves it.
type ServiceRevision struct {
	Name     string
	Revision uint64
	// Public is true unless the service is hidden from the ingress.
	Public   bool
	Handlers []string
}

// Has reports whether the service has a handler.
func (s *ServiceRevision) Has(handler string) bool { return slices.Contains(s.Handlers, handler) }

// A Subscription feeds the records of a Kafka topic to a handler.
type Subscription struct {
	ID string
	// Cluster and Topic are where records come from, Service and Handler where they go; empty where it cannot be told.
	Cluster, Topic, Service, Handler string
	At                               Position
}

// A Secret is a value that seems to be a secret, by the place that it has. The value itself is not kept.
type Secret struct {
	// What says which place it is, such as "header authorization".
	What string
	// Of says what the place belongs to, such as "subscription sub_…"; empty within a deployment.
	Of string
	At Position
}

// Newer reports whether one of two deployments of a service is the later one, to which new invocations go: the one that
// the legacy shape names, or the one with the higher revision.
func (r *Registry) Newer(d *Deployment, service *ServiceRevision, known string, other *ServiceRevision) bool {
	switch r.latest[service.Name] {
	case known:
		return false
	case d.ID:
		return true
	}
	return service.Revision > other.Revision
}

// secretWords are parts of names that stand for secrets.
var secretWords = []string{"authorization", "password", "passwd", "secret", "token", "cookie", "api-key", "apikey", "api_key", "access-key", "access_key", "accesskey", "credential", "private", "jaas", "signature", "bearer"}

func seemsSecret(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc(secretWords, func(word string) bool { return strings.Contains(name, word) })
}

// registry reads one list of the schema registry, entry by entry.
func (r *reader) registry(d *draft, key string) error {
	if d.registry == nil {
		d.registry = &Registry{Document: d.Document, latest: make(map[string]string)}
	}
	registry := d.registry
	switch key {
	case "deployments_v2":
		return r.list(d, "/deployments_v2/", "deployment", func(v value) bool { return registry.addDeployment("", v) })
	case "deployments":
		return r.list(d, "/deployments/", "deployment", func(v value) bool {
			id, body, ok := v.pair()
			return ok && registry.addDeployment(id.result.Str, body)
		})
	case "subscriptions":
		return r.list(d, "/subscriptions/", "subscription", registry.addSubscription)
	case "kafka_clusters":
		return r.list(d, "/kafka_clusters/", "Kafka cluster", registry.addKafkaCluster)
	}
	raw, at, err := r.window.value()
	if err != nil {
		return err
	}
	v, err := parse(raw, at, "/services", "services", d.Document, &d.oddities)
	if err != nil {
		d.gap("services: " + err.Error())
		return nil //nolint:nilerr // a damaged field hides no other
	}
	services, _ := v.object()
	for _, f := range services.fields {
		registry.latest[strings.Clone(f.name)] = strings.Clone(f.value.Get("location.latest_deployment").String())
	}
	return nil
}

// finish takes over what depends on the whole document.
func (r *Registry) finish(d *draft) {
	r.Document = d.Document
	r.LegacyAt = d.At(d.Offset, "")
	r.Legacy = !d.seen["deployments_v2"] && (d.seen["services"] || d.seen["deployments"])
	slices.SortStableFunc(r.Deployments, func(a, b Deployment) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortStableFunc(r.Subscriptions, func(a, b Subscription) int { return cmp.Compare(a.ID, b.ID) })
	slices.Sort(r.KafkaClusters)
	for i := range r.Deployments {
		r.Deployments[i].settle()
	}
	slices.SortStableFunc(r.Secrets, bySecret)
}

func (deployment *Deployment) settle() {
	slices.SortStableFunc(deployment.Services, func(a, b ServiceRevision) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortStableFunc(deployment.Secrets, bySecret)
}

func bySecret(a, b Secret) int { return cmp.Or(cmp.Compare(a.Of, b.Of), cmp.Compare(a.What, b.What)) }

// textOf returns a text that is kept; empty where there is none. Nothing is said of what it is instead.
func textOf(o object, name string) string {
	result, _ := o.find(name)
	if result.Type != gjson.String {
		return ""
	}
	return strings.Clone(result.Str)
}

// fieldsOf returns the fields of an object, none where there is no object.
func fieldsOf(v value) object {
	if !v.result.IsObject() {
		return object{value: v}
	}
	o, _ := v.object()
	return o
}

// addDeployment takes over one deployment of either shape. In the legacy one the id stands before it, and most of it
// within metadata.
func (r *Registry) addDeployment(id string, v value) bool {
	if !v.result.IsObject() {
		return false
	}
	body := fieldsOf(v)
	about := body
	if metadata := body.get("metadata", "metadata of the deployment"); metadata.result.IsObject() && metadata.result.Get("supported_protocol_versions").Exists() {
		about = fieldsOf(metadata)
	}
	deployment := Deployment{ID: cmp.Or(strings.Clone(id), textOf(body, "id")), At: v.at(), EndpointAt: v.at(), ProtocolAt: v.at(), SDK: textOf(about, "sdk_version")}
	if deployment.ID == "" {
		return false
	}
	name := "deployment " + deployment.ID
	deployment.address(about.get("ty", "type of "+name))
	if protocols := about.get("supported_protocol_versions", "protocols of "+name); !protocols.isNull() {
		o := fieldsOf(protocols)
		deployment.ProtocolAt = protocols.at()
		deployment.ProtocolStart, _ = o.get("start", "lowest protocol of "+name).uint(math.MaxInt32)
		deployment.ProtocolEnd, _ = o.get("end", "highest protocol of "+name).uint(math.MaxInt32)
	}
	headers := fieldsOf(fieldsOf(about.get("delivery_options", "delivery options of "+name)).get("additional_headers", "headers of "+name))
	for _, f := range headers.fields {
		if seemsSecret(f.name) {
			deployment.Secrets = append(deployment.Secrets, Secret{What: "header " + strings.ToLower(f.name), At: headers.at()})
		}
	}
	if services := body.get("services", "services of "+name); services.result.IsArray() {
		for _, service := range services.elements(maxElements) {
			key := ""
			if first, second, ok := pairOf(service); ok {
				key, service = first.result.Str, second
			}
			if o := fieldsOf(service); len(o.fields) > 0 {
				deployment.Services = append(deployment.Services, serviceRevision(key, o))
			}
		}
	} else {
		for _, f := range fieldsOf(services).fields {
			deployment.Services = append(deployment.Services, serviceRevision(f.name, fieldsOf(services.child(f.value, f.name, services.what))))
		}
	}
	r.Deployments = append(r.Deployments, deployment)
	return true
}

// pairOf is pair for what may be something else.
func pairOf(v value) (first, second value, ok bool) {
	if !v.result.IsArray() {
		return v, v, false
	}
	return v.pair()
}

func serviceRevision(key string, o object) ServiceRevision {
	service := ServiceRevision{Name: cmp.Or(textOf(o, "name"), strings.Clone(key)), Public: true}
	if public, ok := o.find("public"); ok {
		service.Public = public.Type != gjson.False
	}
	revision, _ := o.find("revision")
	service.Revision, _, _ = parseUint(revision)
	handlers := o.get("handlers", "handlers of "+service.Name)
	handlers.result.ForEach(func(key, handler gjson.Result) bool {
		name := handler.Get("name").Str
		if second := handler.Get("1.name"); name == "" && second.Exists() {
			name = second.Str
		}
		if name = cmp.Or(name, key.Str); name != "" {
			service.Handlers = append(service.Handlers, strings.Clone(name))
		}
		return true
	})
	return service
}

// address keeps of the deployment's type where it is, and notes what in it seems to be a secret.
func (deployment *Deployment) address(v value) {
	deployment.EndpointAt = v.at()
	ty := fieldsOf(v)
	http := fieldsOf(ty.get("Http", v.what))
	parsed, err := url.Parse(textOf(http, "address"))
	if err != nil || parsed.Host == "" {
		return
	}
	deployment.Endpoint = strings.Clone(parsed.Scheme + "://" + parsed.Host)
	deployment.Path = strings.Trim(parsed.Path, "/") != ""
	if _, has := parsed.User.Password(); has {
		deployment.Secrets = append(deployment.Secrets, Secret{What: "password in the address", At: v.at()})
	}
	for key := range parsed.Query() {
		if seemsSecret(key) || strings.HasPrefix(strings.ToLower(key), "x-amz-") || strings.EqualFold(key, "sig") {
			deployment.Secrets = append(deployment.Secrets, Secret{What: "parameter " + strings.ToLower(key) + " of the address", At: v.at()})
		}
	}
}

func (r *Registry) addSubscription(v value) bool {
	id, body := v, v
	if v.result.IsArray() {
		var ok bool
		if id, body, ok = v.pair(); !ok {
			return false
		}
	}
	if !body.result.IsObject() {
		return false
	}
	o := fieldsOf(body)
	subscription := Subscription{ID: textOf(o, "id"), At: body.at()}
	if id.result.Type == gjson.String {
		subscription.ID = strings.Clone(id.result.Str)
	}
	source := fieldsOf(fieldsOf(o.get("source", "source of the subscription")).get("Kafka", "source of the subscription"))
	subscription.Cluster, subscription.Topic = textOf(source, "cluster"), textOf(source, "topic")
	subscription.Service, subscription.Handler = sink(o.get("sink", "sink of the subscription").result, 0)
	options := fieldsOf(o.get("metadata", "options of the subscription"))
	r.secrets(options, "subscription "+subscription.ID)
	r.Subscriptions = append(r.Subscriptions, subscription)
	return true
}

// sink finds the service and handler that records go to. The releases wrap them in objects of many names, or write
// service://Greeter/greet.
func sink(v gjson.Result, depth int) (service, handler string) {
	switch {
	case v.Type == gjson.String:
		rest, ok := strings.CutPrefix(v.Str, "service://")
		if !ok {
			return "", ""
		}
		service, handler, _ = strings.Cut(rest, "/")
		return strings.Clone(service), strings.Clone(handler)
	case !v.IsObject() || depth > 6:
		return "", ""
	}
	for _, key := range []string{"name", "service", "service_name"} {
		if name := v.Get(key); name.Type == gjson.String {
			for _, key := range []string{"handler", "handler_name"} {
				if named := v.Get(key); named.Type == gjson.String {
					return strings.Clone(name.Str), strings.Clone(named.Str)
				}
			}
		}
	}
	v.ForEach(func(_, inner gjson.Result) bool {
		service, handler = sink(inner, depth+1)
		return service == ""
	})
	return service, handler
}

func (r *Registry) addKafkaCluster(v value) bool {
	name, body := "", v
	if first, second, ok := pairOf(v); ok {
		name, body = first.result.Str, second
	}
	o := fieldsOf(body)
	if name = cmp.Or(strings.Clone(name), textOf(o, "name")); name == "" {
		return false
	}
	r.KafkaClusters = append(r.KafkaClusters, name)
	r.secrets(fieldsOf(o.get("properties", "properties of the Kafka cluster")), "Kafka cluster "+name)
	return true
}

func (r *Registry) secrets(options object, of string) {
	for _, f := range options.fields {
		if seemsSecret(f.name) {
			r.Secrets = append(r.Secrets, Secret{What: "property " + strings.ToLower(f.name), Of: of, At: options.at()})
		}
	}
}
