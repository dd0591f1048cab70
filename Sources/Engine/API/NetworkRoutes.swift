#if Daemon
    import Containers
    import JSON
    import NetCore
    import Networks

    extension Route {
        static let networks: [Route] = [
            Route("GET", "/networks") { call in
                let filter = try NetworkFilter(call.request.filters())
                call.exchange.answer(
                    .array(try call.model.networks.networks().filter { filter.takes($0) }.map { .object($0) }))
            },
            Route("POST", "/networks/create") { call in
                let body = try call.request.json()
                let made = try call.model.networks.create(body)
                let name = body["Name"]?.string ?? ""
                call.model.events.happened(
                    "network", "create", made.id, [("name", name), ("type", body["Driver"]?.string ?? "bridge")])
                call.exchange.answer(201, ["Id": .string(made.id), "Warning": .string(made.warning)])
            },
            Route("POST", "/networks/prune") { call in
                let filter = try PruneFilter(call.request.filters(), ["label", "label!", "until"])
                let names = try call.model.networks.prune { network in
                    filter.takes(
                        labels: network["Labels"]?.object ?? [:], created: network["Created"]?.string ?? "")
                }
                for name in names { call.model.events.happened("network", "destroy", name, [("name", name)]) }
                call.model.events.happened("network", "prune", "", [("reclaimed", "0")])
                call.exchange.answer(["NetworksDeleted": names.isEmpty ? .null : .array(names.map { .string($0) })])
            },
            Route("GET", "/networks/*") { call in
                call.exchange.answer(.object(try call.model.networks.network(call.parameters[0])))
            },
            Route("DELETE", "/networks/*") { call in
                let network = try call.model.networks.network(call.parameters[0])
                try call.model.networks.remove(call.parameters[0])
                call.model.events.happened(
                    "network", "destroy", network["Id"]?.string ?? "",
                    [("name", network["Name"]?.string ?? ""), ("type", network["Driver"]?.string ?? "")])
                call.exchange.answer(204)
            },
            Route("POST", "/networks/*/connect") { call in
                let body = try call.request.json()
                guard let container = body["Container"]?.string, !container.isEmpty else {
                    throw APIError(400, "Container is missing: a container's id or name is wanted")
                }
                try call.containers.connect(
                    container, toNetwork: call.parameters[0], endpoint: body["EndpointConfig"]?.object ?? [:])
                call.exchange.answer(200)
            },
            Route("POST", "/networks/*/disconnect") { call in
                let body = try call.request.json()
                guard let container = body["Container"]?.string, !container.isEmpty else {
                    throw APIError(400, "Container is missing: a container's id or name is wanted")
                }
                try call.containers.disconnect(
                    container, fromNetwork: call.parameters[0], force: body["Force"]?.bool ?? false)
                call.exchange.answer(200)
            },
        ]

        static let volumes: [Route] = [
            Route("GET", "/volumes") { call in
                let list = try call.containers.volumes(filters: call.request.filters())
                call.exchange.answer(["Volumes": .array(list.map { .object($0) }), "Warnings": .null])
            },
            Route("POST", "/volumes/create") { call in
                call.exchange.answer(
                    201, .object(try call.containers.createVolume(call.request.json(isOptional: true))))
            },
            Route("POST", "/volumes/prune") { call in
                // Clients of before 1.42 know volumes of either kind only.
                let answer = try call.containers.pruneVolumes(
                    filters: call.request.filters(), named: call.request.version < 42)
                call.exchange.answer(.object(answer))
            },
            Route("GET", "/volumes/*") { call in
                call.exchange.answer(.object(try call.containers.volume(call.volume)))
            },
            Route("DELETE", "/volumes/*") { call in
                try call.containers.removeVolume(call.volume, force: call.request.flag("force"))
                call.exchange.answer(204)
            },
        ]
    }

    extension Call {
        /// A volume's name from the path: no path of a file can be one.
        var volume: String {
            get throws(APIError) {
                let text = parameters[0]
                guard !text.utf8.contains(UInt8(ascii: "/")) else { throw APIError(404, "get \(text): no such volume") }
                return text
            }
        }
    }

    /// `filters` of a networks request.
    struct NetworkFilter {
        private let filters: JSONObject
        init(_ filters: JSONObject) throws(APIError) {
            let known = ["name", "id", "driver", "label", "scope", "type", "dangling"]
            for key in filters.keys where !known.contains(key) { throw APIError(400, "invalid filter '\(key)'") }
            self.filters = filters
        }

        func takes(_ network: JSONObject) -> Bool {
            filters.allSatisfy { key, value in
                let wanted = (value.array ?? []).compactMap(\.string)
                if key == "label" { return wanted.allSatisfy { NetworkFilter.label(network, $0) } }
                return wanted.contains { NetworkFilter.meets(network, key, $0) }
            }
        }

        private static func meets(_ network: JSONObject, _ key: String, _ wanted: String) -> Bool {
            let name = network["Name"]?.string ?? ""
            let isPredefined = ["bridge", "host", "none"].contains(name)
            switch key {
            case "name": return name.holds(wanted)
            case "id": return (network["Id"]?.string ?? "").hasPrefix(wanted)
            case "driver": return network["Driver"]?.string == wanted
            case "scope": return (network["Scope"]?.string ?? "local") == wanted
            case "type": return wanted == (isPredefined ? "builtin" : "custom")
            default:
                let isUnused = !isPredefined && (network["Containers"]?.object?.isEmpty ?? true)
                return ["true", "1"].contains(wanted.lowercased()) == isUnused
            }
        }

        private static func label(_ network: JSONObject, _ wanted: String) -> Bool {
            let parts = wanted.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let value = network["Labels"]?[String(parts.first ?? "")]?.string else { return false }
            return parts.count == 1 || value == parts[1]
        }
    }
#endif
