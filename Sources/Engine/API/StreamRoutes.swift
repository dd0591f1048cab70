#if Daemon
    import Containers
    import Glibc
    import JSON

    extension Route {
        static let streams: [Route] = [
            Route("GET", "/containers/*/attach/ws") { _ in
                throw APIError(501, "attach by websocket is not served: use POST /containers/ID/attach")
            },
            Route("GET", "/containers/*/stats") { call in
                let reference = try call.container
                let exchange = call.exchange
                let isStream = call.request.flag("stream", default: true)
                var before = try call.containers.stats(reference)
                if !isStream {
                    if !call.request.flag("one-shot") {
                        if exchange.abandoned(within: 1000) { throw Abandoned() }
                        before = try call.containers.stats(reference).following(before)
                    }
                    return exchange.answer(.object(before))
                }
                try exchange.begin(type: "application/json")
                try exchange.write(JSON.object(before).bytes + [0x0a])
                while !exchange.abandoned(within: 1000) {
                    let sample: JSONObject
                    do throws(APIError) { sample = try call.containers.stats(reference) } catch { break }
                    try exchange.write(JSON.object(sample.following(before)).bytes + [0x0a])
                    before = sample
                }
                exchange.end()
            }.long,
            Route("GET", "/events") { call in
                let filter = try EventFilter(call.request.filters())
                let since = try call.request.moment("since")
                let until = try call.request.moment("until")
                let exchange = call.exchange
                var next = since == nil ? call.model.events.next : 0
                try exchange.begin(type: "application/json")
                while !exchange.isAbandoned {
                    let now = Int64(time(nil)) * 1_000_000_000
                    let events = call.model.events.events(from: next, milliseconds: 200)
                    for event in events {
                        next = event.number + 1
                        if let since, event.time < since { continue }
                        if let until, event.time > until { continue }
                        if filter.takes(event) { try exchange.write(JSON.object(event.json).bytes + [0x0a]) }
                    }
                    if let until, now >= until { break }
                }
                exchange.end()
            }.long,
        ]
    }

    extension JSONObject {
        /// A sample of stats with what stood in the one before: clients reckon a processor's share from both.
        func following(_ before: JSONObject) -> JSONObject {
            var sample = self
            if let processor = before["cpu_stats"] { sample["precpu_stats"] = processor }
            if let read = before["read"] { sample["preread"] = read }
            return sample
        }
    }

    extension Request {
        /// A moment of the query, in nanoseconds since 1970: seconds with a fraction, as clients send it.
        func moment(_ name: String) throws(APIError) -> Int64? {
            guard let text = text(name), !text.isEmpty else { return nil }
            let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
            guard let seconds = Int64(parts[0]), (-4_000_000_000...4_000_000_000).contains(seconds) else {
                throw APIError(400, "query parameter \(name) is \"\(text)\": seconds since 1970 are wanted")
            }
            var nanoseconds: Int64 = 0
            if parts.count > 1 {
                let digits = parts[1].prefix(9)
                guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
                    throw APIError(400, "query parameter \(name) is \"\(text)\": seconds since 1970 are wanted")
                }
                nanoseconds = Int64(digits + String(repeating: "0", count: 9 - digits.count)) ?? 0
            }
            return seconds * 1_000_000_000 + nanoseconds
        }
    }
#endif
