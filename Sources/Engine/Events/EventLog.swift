#if Daemon
    import Containers
    import Glibc
    import JSON

    /// What happened: the last 1024 events, fewer where their labels are long, and whoever waits for the next.
    final class EventLog: EventSink {
        static let kept = 1024
        static let keptBytes = 4 << 20
        struct Event: Sendable {
            let number: Int
            /// Nanoseconds since 1970.
            let time: Int64
            let type: String
            let action: String
            let id: String
            let attributes: [(String, String)]
            /// Bytes, about.
            var size: Int { attributes.reduce(256) { $0 + 64 + $1.0.utf8.count + $1.1.utf8.count } }

            /// As Docker's `GET /events` has it.
            var json: JSONObject {
                var event = JSONObject()
                if type == "container" || type == "image" {
                    event["status"] = .string(action)
                    event["id"] = .string(id)
                    if let image = attributes.first(where: { $0.0 == "image" })?.1 { event["from"] = .string(image) }
                }
                event["Type"] = .string(type)
                event["Action"] = .string(action)
                event["Actor"] = [
                    "ID": .string(id), "Attributes": .object(JSONObject(attributes.map { ($0.0, .string($0.1)) })),
                ]
                event["scope"] = "local"
                event["time"] = .integer(time / 1_000_000_000)
                event["timeNano"] = .integer(time)
                return event
            }
        }
        private struct State: Sendable {
            var events: [Event] = []
            var next = 0
            var bytes = 0
        }
        private let state = Monitor(State())

        func happened(_ type: String, _ action: String, _ id: String, _ attributes: [(String, String)]) {
            var now = timespec()
            clock_gettime(CLOCK_REALTIME, &now)
            let time = Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
            state.change { state in
                let event = Event(
                    number: state.next, time: time, type: type, action: action, id: id, attributes: attributes)
                state.events.append(event)
                state.next += 1
                state.bytes += event.size
                while state.events.count > EventLog.kept || state.bytes > EventLog.keptBytes && state.events.count > 1 {
                    state.bytes -= state.events.removeFirst().size
                }
            }
        }

        /// The number that the next event gets.
        var next: Int { state.change { $0.next } }

        /// The events from a number on, at most that time later.
        func events(from number: Int, milliseconds: Int) -> [Event] {
            state.wait(milliseconds: milliseconds) { state in
                let events = state.events.drop { $0.number < number }
                return events.isEmpty ? nil : Array(events)
            } ?? []
        }
    }

    /// `filters` of an events request: every key must be met, by one of its values.
    struct EventFilter: Sendable {
        private let filters: JSONObject
        private static let keys = [
            "type", "event", "container", "image", "network", "volume", "label", "scope", "daemon", "config", "node",
            "plugin", "secret", "service",
        ]

        init(_ filters: JSONObject) throws(APIError) {
            for key in filters.keys where !EventFilter.keys.contains(key) {
                throw APIError(400, "invalid filter '\(key)'")
            }
            self.filters = filters
        }

        func takes(_ event: EventLog.Event) -> Bool {
            filters.allSatisfy { key, value in
                let wanted = (value.array ?? []).compactMap(\.string)
                return wanted.isEmpty || wanted.contains { EventFilter.meets(event, key, $0) }
            }
        }

        private static func meets(_ event: EventLog.Event, _ key: String, _ wanted: String) -> Bool {
            func attribute(_ name: String) -> String? { event.attributes.first { $0.0 == name }?.1 }
            switch key {
            case "type": return event.type == wanted
            case "event": return event.action == wanted || event.action.hasPrefix(wanted + ":")
            case "scope": return wanted == "local"
            case "label":
                let parts = wanted.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                guard let value = attribute(String(parts.first ?? "")) else { return false }
                return parts.count == 1 || value == parts[1]
            case "image" where event.type == "container":
                return attribute("image").map { $0 == wanted || $0.hasPrefix(wanted + ":") } ?? false
            case event.type:
                let name = attribute("name")
                return event.id == wanted || name == wanted || event.id.hasPrefix(wanted)
                    || (key == "image" && (name ?? event.id).hasPrefix(wanted + ":"))
            case "container": return attribute("container").map { $0 == wanted || $0.hasPrefix(wanted) } ?? false
            default: return false
            }
        }
    }
#endif
