package otlp

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime/trace"
	"strings"
	"testing"
	"time"

	"example.com/go-flight/internal/convert"
)

// TestSignalsDoNotWaitForEachOther has a receiver of logs that is away.
func TestSignalsDoNotWaitForEachOther(t *testing.T) {
	asked := make(chan struct{}, 1)
	away := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		select {
		case asked <- struct{}{}:
		default:
		}
	}))
	defer away.Close()
	r := newReceiver(t)
	e := startTest(t, Options{}, map[string]string{
		"OTEL_LOGS_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": r.URL, "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": away.URL,
	})
	work := func(name string) {
		ctx, task := trace.NewTask(t.Context(), name)
		trace.Log(ctx, "category", "some message")
		task.End()
		answer := make(chan error, 1)
		e.flushes <- answer // as Flush, which would wait for the logs
		if err := <-answer; err != nil {
			t.Error(err)
		}
	}
	work("task-one")
	<-asked
	work("task-two")
	if err := e.senders[convert.Traces].queue.drained(t.Context()); err != nil {
		t.Error(err)
	}
	if r.count("task-one") != 1 || r.count("task-two") != 1 {
		t.Errorf("task-one came %d times, task-two %d", r.count("task-one"), r.count("task-two"))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	e.Shutdown(ctx)
	<-e.worked
	if stats := e.Stats(); stats.Dropped < 2 || stats.QueueBytes != 0 {
		t.Errorf("what was not sent is not counted: %+v", stats)
	}
}

func TestCertificatesOfTheEnvironment(t *testing.T) {
	shown := make(chan string, 10)
	receiver := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		shown <- r.TLS.PeerCertificates[0].Subject.CommonName
	}))
	receiver.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	receiver.StartTLS()
	defer receiver.Close()
	folder := t.TempDir()
	file := func(name, kind string, bytes []byte) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: bytes}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	certificate, key := selfSigned(t, "some-service")
	variables := map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT":                  receiver.URL,
		"OTEL_EXPORTER_OTLP_CERTIFICATE":               file("others.pem", "CERTIFICATE", certificate),
		"OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE":        file("authority.pem", "CERTIFICATE", receiver.Certificate().Raw),
		"OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE": file("certificate.pem", "CERTIFICATE", certificate),
		"OTEL_EXPORTER_OTLP_CLIENT_KEY":                file("key.pem", "PRIVATE KEY", key),
	}
	e := startTest(t, Options{}, variables)
	_, task := trace.NewTask(t.Context(), "some-task")
	task.End()
	if err := e.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if name := <-shown; name != "some-service" {
		t.Error(name)
	}
	for _, variable := range []string{"OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "OTEL_EXPORTER_OTLP_CLIENT_KEY"} {
		variables[variable] = filepath.Join(folder, "missing")
		targets, warnings, err := env(variables).targets(Options{Signals: Traces})
		if err != nil || len(warnings) == 0 || !strings.Contains(warnings[len(warnings)-1].Error(), "missing") {
			t.Errorf("%s: %v, %v", variable, warnings, err)
		}
		if certificates := targets[convert.Traces].tls; certificates == nil || certificates.RootCAs == nil {
			t.Errorf("%s: everybody's certificate would do", variable)
		}
	}
	if warnings := env(variables).fill(&Options{Client: http.DefaultClient}); len(warnings) != 4 {
		t.Errorf("certificates beside a client of the program's: %v", warnings)
	}
}

// TestCertificatesBesideADefaultTransport has programs that made http.DefaultTransport trust others, or show another certificate.
func TestCertificatesBesideADefaultTransport(t *testing.T) {
	receiver := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, r.TLS.PeerCertificates[0].Subject.CommonName)
	}))
	receiver.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	receiver.Config.ErrorLog = log.New(io.Discard, "", 0) // of those that do not trust it
	receiver.StartTLS()
	defer receiver.Close()
	meant, others := pair(t, "meant"), pair(t, "other")
	right, wrong := x509.NewCertPool(), x509.NewCertPool()
	right.AddCert(receiver.Certificate())
	standard := http.DefaultTransport
	defer func() { http.DefaultTransport = standard }()
	careless := &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{others}}
	dial := func(network, address string) (net.Conn, error) { return tls.Dial(network, address, careless) }
	for name, transport := range map[string]*http.Transport{
		"plain":    {},
		"careless": {TLSClientConfig: careless},
		"others": {TLSClientConfig: &tls.Config{RootCAs: wrong, GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return &others, nil
		}}},
		"DialTLS": {DialTLS: dial},
		"DialTLSContext": {DialTLSContext: func(_ context.Context, network, address string) (net.Conn, error) {
			return dial(network, address)
		}},
	} {
		http.DefaultTransport = transport
		show := func(authorities *x509.CertPool) (string, error) {
			client := newClient(nil, &tls.Config{RootCAs: authorities, Certificates: []tls.Certificate{meant}})
			defer client.CloseIdleConnections()
			answer, err := client.Get(receiver.URL)
			if err != nil {
				return "", err
			}
			defer answer.Body.Close()
			shown, err := io.ReadAll(answer.Body)
			return string(shown), err
		}
		if shown, err := show(right); err != nil || shown != "meant" {
			t.Errorf("%s: shows %q, %v", name, shown, err)
		}
		if _, err := show(wrong); !errors.As(err, new(x509.UnknownAuthorityError)) {
			t.Errorf("%s: a receiver that nobody vouches for: %v", name, err)
		}
	}
	http.DefaultTransport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: right}}
	own := newClient(nil, &tls.Config{Certificates: []tls.Certificate{meant}}).Transport.(*http.Transport)
	if !own.TLSClientConfig.RootCAs.Equal(right) {
		t.Error("who says nothing of authorities does not get the program's")
	}
}

func pair(t *testing.T, name string) tls.Certificate {
	t.Helper()
	certificate, key := selfSigned(t, name)
	private, err := x509.ParsePKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{certificate}, PrivateKey: private}
}

func selfSigned(t *testing.T, name string) (certificate, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)}
	template.Subject.CommonName = name
	certificate, err = x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	if key, err = x509.MarshalPKCS8PrivateKey(private); err != nil {
		t.Fatal(err)
	}
	return certificate, key
}
