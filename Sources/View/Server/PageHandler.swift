#if Daemon
    import NIOCore
    import NIOHTTP1
    import NIOPosix

    /// A connection of a browser: its requests, one after the other, and the events that it listens to.
    final class PageHandler: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart

        /// What all connections share.
        struct Site: Sendable {
            let door: Door
            let hub: Hub
            let desk: Desk
            let eye: EyeProcess
            let pool: NIOThreadPool
        }

        private static let requestSeconds: Int64 = 10
        private static let idleSeconds: Int64 = 120

        private let site: Site
        private var head: HTTPRequestHead?
        private var body: [UInt8] = []
        private var isRefused = false
        private var listening: (Listening, number: UInt64)?
        private var deadline: Scheduled<Void>?

        init(_ site: Site) { self.site = site }

        // MARK: reading

        func channelActive(context: ChannelHandlerContext) {
            limit(context, PageHandler.requestSeconds)
            context.fireChannelActive()
        }

        func channelInactive(context: ChannelHandlerContext) {
            deadline?.cancel()
            if let (listening, number) = listening {
                listening.end()
                if site.hub.leave(number) == 0 { watch(false) }
            }
            listening = nil
            context.fireChannelInactive()
        }

        private func limit(_ context: ChannelHandlerContext, _ seconds: Int64) {
            deadline?.cancel()
            let channel = context.channel
            deadline = context.eventLoop.scheduleTask(in: .seconds(seconds)) { channel.close(promise: nil) }
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head(let head):
                guard listening == nil else { return context.close(promise: nil) }
                (self.head, body, isRefused) = (head, [], false)
                limit(context, PageHandler.requestSeconds)
                let length = head.headers.first(name: "Content-Length").flatMap { Int($0) } ?? 0
                if length > Door.bodyLimit { refuseBody(context) }
            case .body(let bytes):
                guard !isRefused else { return }
                body += bytes.readableBytesView
                if body.count > Door.bodyLimit { refuseBody(context) }
            case .end:
                guard let head, !isRefused else { return }
                self.head = nil
                deadline?.cancel()
                serve(head, body, context)
            }
        }

        private func refuseBody(_ context: ChannelHandlerContext) {
            isRefused = true
            answer(
                .error(413, "the request's body is larger than \(Door.bodyLimit) bytes", fix: "ask for less"), context,
                closes: true)
        }

        func channelWritabilityChanged(context: ChannelHandlerContext) {
            listening?.0.flush()
            context.fireChannelWritabilityChanged()
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

        // MARK: serving

        private func serve(_ head: HTTPRequestHead, _ body: [UInt8], _ context: ChannelHandlerContext) {
            let closes = !head.isKeepAlive
            if let refusal = site.door.refusal(head) { return answer(refusal, context, closes: closes) }
            let (path, site) = (Door.path(head), site)
            let known: [String: HTTPMethod] = [
                "/": .GET, "/state.json": .GET, "/events": .GET, "/probe": .POST, "/lab/check": .POST,
                "/lab/hint": .POST, "/lab/undo": .POST, "/conntrack/delete": .POST,
            ]
            guard let method = known[path] else {
                return answer(
                    .error(404, "there is nothing at \(path)", fix: "open the address that berth view printed"),
                    context,
                    closes: closes)
            }
            if Door.isPage(head) { return page(isHead: head.method == .HEAD, context, closes: closes) }
            guard head.method == method else {
                return answer(
                    .error(405, "\(head.method.rawValue) is not for \(path)", fix: "use \(method.rawValue)"), context,
                    closes: closes, more: [("Allow", method.rawValue)])
            }
            switch path {
            case "/events": listen(context)
            case "/state.json":
                let at = PageHandler.entry(head.uri)
                work(context, closes) { PageHandler.state(site.hub, at) }
            case "/probe": work(context, closes) { site.desk.probe(body) }
            case "/conntrack/delete": work(context, closes) { site.desk.forget(body) }
            default:
                let word = String(path.dropFirst(5))
                work(context, closes) { site.desk.lab(word) }
            }
        }

        /// The number behind `?at=`; nil without one, and -1 for what is none.
        private static func entry(_ uri: String) -> Int? {
            guard let query = uri.split(separator: "?", maxSplits: 1).dropFirst().first else { return nil }
            guard let value = query.split(separator: "&").first(where: { $0.hasPrefix("at=") }) else { return nil }
            return Int(value.dropFirst(3)) ?? -1
        }

        private static func state(_ hub: Hub, _ at: Int?) -> Desk.Answer {
            guard let at else { return hub.newest(within: 5000).map { Desk.Answer(200, $0) } ?? Desk.notYet }
            return hub.state(at: at).map { Desk.Answer(200, $0) }
                ?? .error(404, "the state of entry \(at) is not kept", fix: "take a newer entry of the timeline")
        }

        /// `body` may wait: it is done on a thread of a few.
        private func work(
            _ context: ChannelHandlerContext, _ closes: Bool, _ body: @escaping @Sendable () -> Desk.Answer
        ) {
            let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
            site.pool.runIfActive(eventLoop: context.eventLoop, body).whenComplete { result in
                let (handler, context) = bound.value
                guard context.channel.isActive else { return }
                switch result {
                case .success(let found): handler.answer(found, context, closes: closes)
                case .failure: context.close(promise: nil)
                }
            }
        }

        private func page(isHead: Bool, _ context: ChannelHandlerContext, closes: Bool) {
            let nonce = Token().text
            let text = Page.html(nonce: nonce)
            var headers = Door.headers(nonce: nonce)
            headers.add(name: "Content-Type", value: "text/html; charset=utf-8")
            write(.ok, headers, isHead ? [] : Array(text.utf8), length: text.utf8.count, context, closes: closes)
        }

        private func answer(
            _ found: Desk.Answer, _ context: ChannelHandlerContext, closes: Bool, more: [(String, String)] = []
        ) {
            var headers = Door.headers(nonce: Token().text)
            for (name, value) in more { headers.add(name: name, value: value) }
            headers.add(name: "Content-Type", value: "application/json")
            write(
                HTTPResponseStatus(statusCode: found.status), headers, found.bytes, length: found.bytes.count, context,
                closes: closes)
        }

        private func write(
            _ status: HTTPResponseStatus, _ headers: HTTPHeaders, _ bytes: [UInt8], length: Int,
            _ context: ChannelHandlerContext, closes: Bool
        ) {
            var headers = headers
            headers.add(name: "Content-Length", value: "\(length)")
            if closes { headers.add(name: "Connection", value: "close") }
            context.write(
                wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: status, headers: headers))),
                promise: nil)
            if !bytes.isEmpty {
                context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: bytes)))), promise: nil)
            }
            let done = context.eventLoop.makePromise(of: Void.self)
            let channel = context.channel
            done.futureResult.whenComplete { _ in if closes { channel.close(promise: nil) } }
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: done)
            limit(context, PageHandler.idleSeconds)
        }

        // MARK: events

        private func listen(_ context: ChannelHandlerContext) {
            let channel = context.channel
            let listening = Listening(channel)
            let bound = NIOLoopBound(listening, eventLoop: context.eventLoop)
            let place = site.hub.listen { name, bytes in
                channel.eventLoop.execute { bound.value.offer(name, bytes) }
            }
            guard let place else {
                return answer(
                    .error(503, "too many pages listen already", fix: "close some of them"), context, closes: true)
            }
            var headers = Door.headers(nonce: Token().text)
            headers.add(name: "Content-Type", value: "text/event-stream")
            headers.add(name: "Transfer-Encoding", value: "chunked")
            context.writeAndFlush(
                wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: .ok, headers: headers))), promise: nil
            )
            self.listening = (listening, place.number)
            deadline?.cancel()
            listening.begin { Eye.clock }
            if let state = site.hub.newest { listening.offer("state", state) }
            if place.count == 1 { watch(true) }
        }

        /// Said on another thread: the eye may be slow to read.
        private func watch(_ isWatched: Bool) {
            let eye = site.eye
            site.pool.submit { _ in eye.say(.watched(isWatched)) }
        }
    }
#endif
