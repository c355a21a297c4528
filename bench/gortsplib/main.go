// A server of gortsplib whose readers can prove themselves with Digest and SHA-256 alone.
// SPDX-License-Identifier: Apache-2.0
//
// Usage: gortsplib_server PORT NAME PASSWORD. Any client publishes one stream at any path, without a password.
// Readers of /moved are sent to /live. A session ends after ten seconds without a sign of its reader.
package main

import (
	"fmt"
	"log"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/auth"
	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/bluenviron/gortsplib/v5/pkg/liberrors"
	"github.com/pion/rtp"
)

type handler struct {
	server         *gortsplib.Server
	name, password string

	mutex  sync.RWMutex
	stream *gortsplib.ServerStream
}

var ok = &base.Response{StatusCode: base.StatusOK}

// The stream for a reader who has proved itself.
func (h *handler) read(conn *gortsplib.ServerConn, request *base.Request) (
	*base.Response, *gortsplib.ServerStream, error,
) {
	if !conn.VerifyCredentials(request, h.name, h.password) {
		return &base.Response{StatusCode: base.StatusUnauthorized}, nil, liberrors.ErrServerAuth{}
	}
	h.mutex.RLock()
	defer h.mutex.RUnlock()
	if h.stream == nil {
		return &base.Response{StatusCode: base.StatusNotFound}, nil, nil
	}
	return ok, h.stream, nil
}

func (h *handler) OnDescribe(ctx *gortsplib.ServerHandlerOnDescribeCtx) (
	*base.Response, *gortsplib.ServerStream, error,
) {
	if ctx.Path == "/moved" {
		place := fmt.Sprintf("rtsp://%s/live", ctx.Request.URL.Host)
		header := base.Header{"Location": base.HeaderValue{place}}
		return &base.Response{StatusCode: base.StatusFound, Header: header}, nil, nil
	}
	return h.read(ctx.Conn, ctx.Request)
}

func (h *handler) OnAnnounce(ctx *gortsplib.ServerHandlerOnAnnounceCtx) (*base.Response, error) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.stream = &gortsplib.ServerStream{Server: h.server, Desc: ctx.Description}
	return ok, h.stream.Initialize()
}

func (h *handler) OnSetup(ctx *gortsplib.ServerHandlerOnSetupCtx) (
	*base.Response, *gortsplib.ServerStream, error,
) {
	if ctx.Session.State() == gortsplib.ServerSessionStatePreRecord {
		return ok, nil, nil
	}
	return h.read(ctx.Conn, ctx.Request)
}

func (h *handler) OnPlay(*gortsplib.ServerHandlerOnPlayCtx) (*base.Response, error) {
	return ok, nil
}

func (h *handler) OnRecord(ctx *gortsplib.ServerHandlerOnRecordCtx) (*base.Response, error) {
	ctx.Session.OnPacketRTPAny(func(media *description.Media, _ format.Format, packet *rtp.Packet) {
		if err := h.stream.WritePacketRTP(media, packet); err != nil {
			log.Print(err)
		}
	})
	return ok, nil
}

func main() {
	port, err := strconv.Atoi(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	even := port + 10 - port%2 // UDP's two ports
	h := &handler{name: os.Args[2], password: os.Args[3]}
	h.server = &gortsplib.Server{
		Handler:        h,
		RTSPAddress:    fmt.Sprintf("127.0.0.1:%d", port),
		UDPRTPAddress:  fmt.Sprintf("127.0.0.1:%d", even),
		UDPRTCPAddress: fmt.Sprintf("127.0.0.1:%d", even+1),
		AuthMethods:    []auth.VerifyMethod{auth.VerifyMethodDigestSHA256},
		IdleTimeout:    10 * time.Second,
		ReadTimeout:    10 * time.Second,
	}
	log.Fatal(h.server.StartAndWait())
}
