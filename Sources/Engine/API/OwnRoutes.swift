#if Daemon
    import Containers
    import JSON
    import Networks

    // What Docker's API does not have (docs/runtime/parts.md, "Our own endpoints").
    extension Route {
        static let own: [Route] = [
            Route("GET", "/berth/containers/*/publish") { call in
                call.exchange.answer(ports(try call.containers.publish(call.parameters[0], add: [], remove: [])))
            },
            Route("POST", "/berth/containers/*/publish") { call in
                let body = try call.request.json()
                let published = try call.containers.publish(
                    call.parameters[0], add: try wanted(body, "add"), remove: try wanted(body, "remove"))
                call.exchange.answer(ports(published))
            },
            Route("POST", "/berth/containers/explain") { call in
                let name = call.request.text("name").map { $0.hasPrefix("/") ? String($0.dropFirst()) : $0 }
                let told = try call.containers.explain(name: name, call.request.json())
                call.exchange.answer(["Steps": steps(told), "Running": false])
            },
            Route("GET", "/berth/containers/*/explain") { call in
                let (told, isRunning) = try call.containers.explain(call.parameters[0])
                call.exchange.answer(["Steps": steps(told), "Running": .bool(isRunning)])
            },
        ]

        private static func steps(_ steps: [ExplainedStep]) -> JSON {
            .array(steps.map { ["Why": .string($0.why), "Command": .string($0.command)] })
        }

        private static func ports(_ ports: [PublishedPort]) -> JSON {
            [
                "Ports": .array(
                    ports.map {
                        [
                            "HostIp": .string($0.hostAddress), "HostPort": .integer(Int64($0.hostPort)),
                            "PrivatePort": .integer(Int64($0.containerPort)), "Type": .string($0.protocolName),
                        ]
                    })
            ]
        }

        private static func wanted(_ body: JSONObject, _ key: String) throws(APIError) -> [PublishedPort] {
            var found: [PublishedPort] = []
            for entry in body[key]?.array ?? [] {
                guard let own = entry["PrivatePort"]?.integer, (1...65535).contains(own),
                    (0...65535).contains(entry["HostPort"]?.integer ?? 0),
                    ["tcp", "udp", "sctp"].contains(entry["Type"]?.string ?? "tcp")
                else {
                    throw APIError(
                        400,
                        "\(key): a port has PrivatePort from 1 to 65535, HostPort up to 65535, and Type tcp, udp or sctp"
                    )
                }
                found.append(
                    PublishedPort(
                        hostAddress: entry["HostIp"]?.string ?? "", hostPort: UInt16(entry["HostPort"]?.integer ?? 0),
                        containerPort: UInt16(own), protocolName: entry["Type"]?.string ?? "tcp"))
            }
            return found
        }
    }
#endif
