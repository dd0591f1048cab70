#if Daemon
    import Containers
    import Glibc
    import JSON
    import NetCore

    extension Route {
        static let system: [Route] = [
            Route("GET", "/_ping") { $0.ping("OK") }.prompt,
            Route("HEAD", "/_ping") { $0.ping("") }.prompt,
            Route("GET", "/version") { $0.exchange.answer(.object(HostFacts.version)) }.prompt,
            Route("GET", "/info") { call in call.exchange.answer(.object(try HostFacts.info(call.model))) },
            Route("GET", "/system/df") { call in
                let types = call.request.query.filter { $0.name == "type" }.map(\.value)
                let takes = { types.isEmpty || types.contains($0) }
                let used = try call.usedImages()
                let images = try call.model.images.images()
                let usage = try call.model.images.usage()
                var answer: JSONObject = ["LayersSize": .integer(takes("image") ? usage.layers : 0)]
                if takes("image") {
                    answer["Images"] = .array(
                        images.map {
                            var summary = $0.summary(containers: used[$0.id]?.count ?? 0)
                            summary["SharedSize"] = .integer(usage.shared[$0.id] ?? 0)
                            return .object(summary)
                        })
                }
                if takes("container") {
                    let list = try call.containers.list(all: true, limit: nil, size: true, filters: [:])
                    answer["Containers"] = .array(list.map { .object($0) })
                }
                if takes("volume") {
                    answer["Volumes"] = .array(try call.containers.volumesWithUsage().map { .object($0) })
                }
                if takes("build-cache") { answer["BuildCache"] = .array([]) }
                call.exchange.answer(.object(answer))
            },
            // Nothing is built, so nothing is cached: docker system prune asks.
            Route("POST", "/build/prune") { $0.exchange.answer(["CachesDeleted": .null, "SpaceReclaimed": 0]) },
        ]

        /// Parts of the API that are not ours.
        static let unserved: [Route] = {
            let parts = [
                ("build", "images are not built here: build elsewhere, then docker load"),
                ("session", "build sessions are not served: images are not built here"),
                ("auth", "registries are not logged in to: images come by docker load"),
                ("distribution", "registries are not asked: images come by docker load"),
                ("swarm", "this daemon is no swarm's: swarm is not served"),
                ("nodes", "this daemon is no swarm's: nodes are not served"),
                ("services", "this daemon is no swarm's: services are not served"),
                ("tasks", "this daemon is no swarm's: tasks are not served"),
                ("secrets", "this daemon is no swarm's: secrets are not served"),
                ("configs", "this daemon is no swarm's: configs are not served"),
                ("plugins", "Docker's plugins are not served: a network's plugins are CNI's"),
                ("grpc", "gRPC is not served: images are not built here"),
            ]
            return parts.flatMap { name, sentence in
                let serve: @Sendable (Call) throws -> Void = { call in
                    call.exchange.stream?.refuse()
                    throw APIError(501, sentence)
                }
                return [Route("*", "/\(name)", serve).uploading, Route("*", "/\(name)/**", serve).uploading]
            }
        }()
    }

    extension Call {
        func ping(_ text: String) {
            let fields = [
                ("Cache-Control", "no-cache, no-store, must-revalidate"), ("Pragma", "no-cache"),
                ("Content-Type", "text/plain; charset=utf-8"), ("Builder-Version", ""), ("Swarm", "inactive"),
            ]
            exchange.answer(200, fields, type: "text/plain; charset=utf-8", Array(text.utf8))
        }
    }
#endif
