#if Daemon
    import Containers
    import JSON
    import NIOCore
    import NIOHTTP1

    /// The client is gone: there is nobody to answer.
    struct Abandoned: Error {}

    /// One request and its answer. The answer is written by a thread that may block; what it writes is at most one part ahead of the client.
    final class Exchange: Sendable {
        let channel: any Channel
        let request: Request
        /// A body that is not collected, but read while it comes.
        let stream: BodyQueue?
        let keepsAlive: Bool
        private struct State: Sendable {
            var isAbandoned = false
            var hasBegun = false
            var status = 0
        }
        private let state = Monitor(State())

        init(_ channel: any Channel, _ request: Request, stream: BodyQueue?, keepsAlive: Bool) {
            self.channel = channel
            self.request = request
            self.stream = stream
            self.keepsAlive = keepsAlive
        }

        /// The client has gone, or says nothing more and cannot be waited for.
        var isAbandoned: Bool { state.change { $0.isAbandoned } }
        func abandon() { state.change { $0.isAbandoned = true } }
        var hasBegun: Bool { state.change { $0.hasBegun } }
        /// What was answered, 0 before.
        var status: Int { state.change { $0.status } }
        /// True the first time.
        func beginning(_ status: Int) -> Bool {
            state.change { state in
                if state.hasBegun { return false }
                state.hasBegun = true
                state.status = status
                return true
            }
        }
        /// True when the client is gone within that time.
        func abandoned(within milliseconds: Int) -> Bool {
            state.wait(milliseconds: milliseconds) { $0.isAbandoned ? true : nil } ?? false
        }

        /// The whole answer. Does not wait.
        func answer(
            _ status: Int, _ fields: [(String, String)] = [], type: String = "application/json", _ bytes: [UInt8]
        ) {
            guard beginning(status) else { return }
            var head = head(status, fields)
            let hasBody = status != 204 && status != 304
            if hasBody {
                if !bytes.isEmpty || request.method != "HEAD" {
                    head.headers.replaceOrAdd(name: "Content-Type", value: type)
                }
                head.headers.add(name: "Content-Length", value: "\(bytes.count)")
            }
            let body = hasBody && request.method != "HEAD" ? bytes : []
            channel.eventLoop.execute { [channel, head] in
                channel.write(HTTPServerResponsePart.head(head), promise: nil)
                if !body.isEmpty {
                    channel.write(HTTPServerResponsePart.body(.byteBuffer(ByteBuffer(bytes: body))), promise: nil)
                }
                channel.writeAndFlush(HTTPServerResponsePart.end(nil), promise: nil)
            }
        }
        func answer(_ status: Int, _ json: JSON) { answer(status, [], json.bytes + [0x0a]) }
        func answer(_ json: JSON) { answer(200, json) }
        /// 204, or another without a body.
        func answer(_ status: Int) { answer(status, [], []) }

        /// The head of an answer that comes in parts; it is on its way when this returns.
        func begin(_ status: Int = 200, type: String, _ fields: [(String, String)] = []) throws(Abandoned) {
            guard beginning(status) else { return }
            var head = head(status, fields)
            head.headers.add(name: "Content-Type", value: type)
            if request.isHTTP11 {
                head.headers.add(name: "Transfer-Encoding", value: "chunked")
            } else {
                head.headers.replaceOrAdd(name: "Connection", value: "close")
            }
            try send(.head(head))
        }
        func write(_ bytes: [UInt8]) throws(Abandoned) { try write(ByteBuffer(bytes: bytes)) }
        func write(_ buffer: ByteBuffer) throws(Abandoned) {
            if request.method == "HEAD" { return }
            try send(.body(.byteBuffer(buffer)))
        }
        func end() { channel.writeAndFlush(HTTPServerResponsePart.end(nil), promise: nil) }
        /// An answer that has begun and cannot be finished: the client sees that it is not whole.
        func cut() { channel.close(promise: nil) }

        private func send(_ part: HTTPServerResponsePart) throws(Abandoned) {
            do { try channel.writeAndFlush(part).wait() } catch { throw Abandoned() }
        }

        private func head(_ status: Int, _ fields: [(String, String)]) -> HTTPResponseHead {
            var headers = HTTPHeaders(Service.fields)
            for (name, value) in fields { headers.replaceOrAdd(name: name, value: value) }
            if !keepsAlive { headers.add(name: "Connection", value: "close") }
            return HTTPResponseHead(version: .http1_1, status: HTTPResponseStatus(statusCode: status), headers: headers)
        }
    }
#endif
