#if Daemon
    import Containers
    import JSON
    import NIOCore
    import NIOHTTP1

    /// A connection's requests, one after the other: each is read, given to the service, answered; then the next.
    final class ConnectionHandler: ChannelDuplexHandler, RemovableChannelHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundIn = HTTPServerResponsePart
        typealias OutboundOut = HTTPServerResponsePart

        /// Bytes of a body that is read as a whole.
        static let bodyLimit = 16 << 20
        static let headSeconds: Int64 = 30
        static let idleSeconds: Int64 = 180

        private enum Body {
            case none
            case collected(ByteBuffer)
            case streamed(BodyQueue)
            case unwanted
        }

        private let service: Service
        private let rest: Rest
        private var exchange: Exchange?
        private var pending: (head: HTTPRequestHead, match: Service.Match)?
        private var body = Body.none
        private var isRequestRead = true
        private var isAnswered = true
        private(set) var isInputClosed = false
        /// The last answer of this connection was this handler's own: what still comes is not looked at.
        private var isRefused = false
        private var closesAfterwards = false
        /// Nothing is read: the request might become a stream.
        private var isHalted = false
        private var waiting: [HTTPServerRequestPart] = []
        private var deadline: Scheduled<Void>?

        init(_ service: Service, _ rest: Rest) {
            self.service = service
            self.rest = rest
        }

        func handlerAdded(context: ChannelHandlerContext) {
            if context.channel.isActive { limit(context, seconds: ConnectionHandler.headSeconds) }
        }
        func channelActive(context: ChannelHandlerContext) {
            limit(context, seconds: ConnectionHandler.headSeconds)
            context.fireChannelActive()
        }
        func handlerRemoved(context: ChannelHandlerContext) { deadline?.cancel() }

        /// Whoever has not said a whole request by then is told so and goes.
        private func limit(_ context: ChannelHandlerContext, seconds: Int64) {
            deadline?.cancel()
            let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
            deadline = context.eventLoop.scheduleTask(in: .seconds(seconds)) {
                let (handler, context) = bound.value
                // Between two requests nobody waits for an answer.
                if seconds == ConnectionHandler.idleSeconds { return context.close(promise: nil) }
                handler.refuse(context, 408, "the request did not come whole in time")
            }
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let part = unwrapInboundIn(data)
            // One request at a time: what a client sends ahead waits, but not without bound.
            if isRequestRead && !isAnswered {
                guard waiting.count < 64 else { return context.close(promise: nil) }
                waiting.append(part)
                return
            }
            take(part, context)
        }

        private func take(_ part: HTTPServerRequestPart, _ context: ChannelHandlerContext) {
            switch part {
            case .head(let head): begin(head, context)
            case .body(let bytes):
                switch body {
                case .collected(var buffer):
                    body = .none
                    guard buffer.readableBytes + bytes.readableBytes <= ConnectionHandler.bodyLimit else {
                        return tooLarge(context)
                    }
                    buffer.writeImmutableBuffer(bytes)
                    body = .collected(buffer)
                case .streamed(let queue):
                    if !queue.put(bytes) { context.channel.setOption(.autoRead, value: false).whenFailure { _ in } }
                case .none, .unwanted: break
                }
            case .end: finishRequest(context)
            }
        }

        private func begin(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
            rest.interrupt()
            isRequestRead = false
            isAnswered = false
            closesAfterwards = !head.isKeepAlive
            let match = service.match(head)
            let length = head.headers.first(name: "Content-Length").flatMap { Int($0) } ?? 0
            if case .route(let route, _) = match, route.streamsBody {
                deadline?.cancel()
                expect(head, context)
                let channel = context.channel
                let queue = BodyQueue { channel.setOption(.autoRead, value: true).whenFailure { _ in } }
                body = .streamed(queue)
                hand(head, match, [], queue, context)
                return
            }
            pending = (head, match)
            guard length <= ConnectionHandler.bodyLimit else { return tooLarge(context) }
            limit(context, seconds: ConnectionHandler.headSeconds)
            expect(head, context)
            body = .collected(ByteBuffer())
        }

        private func expect(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
            guard head.headers.first(name: "Expect")?.lowercased() == "100-continue" else { return }
            context.writeAndFlush(
                wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: .continue))), promise: nil)
        }

        private func finishRequest(_ context: ChannelHandlerContext) {
            isRequestRead = true
            deadline?.cancel()
            switch body {
            case .collected(let buffer):
                body = .none
                guard let (head, match) = pending else { break }
                pending = nil
                // What follows such a request is not HTTP: nothing is read until the stream is joined.
                if case .route(let route, _) = match, route.becomesStream {
                    isHalted = true
                    context.channel.setOption(.autoRead, value: false).whenFailure { _ in }
                }
                hand(head, match, Array(buffer.readableBytesView), nil, context)
            case .streamed(let queue):
                body = .none
                queue.end()
            case .none, .unwanted: body = .none
            }
            if isAnswered { proceed(context) }
        }

        private func hand(
            _ head: HTTPRequestHead, _ match: Service.Match, _ bytes: [UInt8], _ queue: BodyQueue?,
            _ context: ChannelHandlerContext
        ) {
            let request = Request(head, bytes)
            let exchange = Exchange(context.channel, request, stream: queue, keepsAlive: head.isKeepAlive)
            if isInputClosed { exchange.abandon() }
            self.exchange = exchange
            service.serve(exchange, match)
        }

        private func tooLarge(_ context: ChannelHandlerContext) {
            refuse(context, 413, "the request's body is larger than \(ConnectionHandler.bodyLimit) bytes")
        }

        /// An answer of this handler's own, after which the connection ends.
        private func refuse(_ context: ChannelHandlerContext, _ status: Int, _ message: String) {
            deadline?.cancel()
            // Who reads the body would wait for the rest of it.
            if case .streamed(let queue) = body { queue.cut() }
            body = .unwanted
            pending = nil
            closesAfterwards = true
            isRequestRead = false
            isRefused = true
            // The thread that serves the request has answered, or does not any more.
            if let exchange, !exchange.beginning(status) { return context.close(promise: nil) }
            isAnswered = false
            let bytes = JSON.object(["message": .string(message)]).bytes
            var headers = HTTPHeaders(Service.fields)
            headers.add(name: "Content-Type", value: "application/json")
            headers.add(name: "Content-Length", value: "\(bytes.count)")
            headers.add(name: "Connection", value: "close")
            let head = HTTPResponseHead(
                version: .http1_1, status: HTTPResponseStatus(statusCode: status), headers: headers)
            context.write(wrapOutboundOut(.head(head)), promise: nil)
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: bytes)))), promise: nil)
            write(context: context, data: wrapOutboundOut(.end(nil)), promise: nil)
            context.flush()
        }

        func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
            guard case .end = unwrapOutboundIn(data) else { return context.write(data, promise: promise) }
            let done = promise ?? context.eventLoop.makePromise()
            let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
            done.futureResult.whenComplete { _ in
                let (handler, context) = bound.value
                handler.answered(context)
            }
            context.write(data, promise: done)
        }

        private func answered(_ context: ChannelHandlerContext) {
            guard !isAnswered else { return }
            isAnswered = true
            if isRequestRead { return proceed(context) }
            // The rest of the body is read for a moment, so that the client sees the answer and no reset; then the connection ends.
            closesAfterwards = true
            if case .streamed(let queue) = body { queue.refuse() }
            body = .unwanted
            deadline?.cancel()
            let channel = context.channel
            deadline = context.eventLoop.scheduleTask(in: .seconds(2)) { channel.close(promise: nil) }
        }

        private func proceed(_ context: ChannelHandlerContext) {
            exchange = nil
            if closesAfterwards || isInputClosed { return context.close(promise: nil) }
            limit(context, seconds: ConnectionHandler.idleSeconds)
            // It was answered as any other, refused or detached, and the next request may come.
            if isHalted {
                isHalted = false
                context.channel.setOption(.autoRead, value: true).whenFailure { _ in }
            }
            let parts = waiting
            waiting = []
            for part in parts {
                if isRequestRead && !isAnswered { waiting.append(part) } else { take(part, context) }
            }
        }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            guard case .inputClosed = event as? ChannelEvent else {
                return context.fireUserInboundEventTriggered(event)
            }
            isInputClosed = true
            exchange?.abandon()
            if case .streamed(let queue) = body { queue.cut() }
            if exchange == nil { context.close(promise: nil) }
        }

        func channelInactive(context: ChannelHandlerContext) {
            deadline?.cancel()
            exchange?.abandon()
            if case .streamed(let queue) = body { queue.cut() }
            context.fireChannelInactive()
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            if isRefused { return }
            if error is HTTPParserError, !isInputClosed, context.channel.isActive {
                refuse(context, 400, "the request is no HTTP/1.1: \(error)")
            } else {
                context.close(promise: nil)
            }
        }
    }
#endif
