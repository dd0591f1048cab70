#if Daemon
    import Containers
    import Images
    import JSON
    import NetCore

    extension Route {
        static let images: [Route] = [
            Route("GET", "/images/json") { call in
                let filters = try ImageFilter(call.request.filters(), call.model.images)
                let used = try call.usedImages()
                let images = try call.model.images.images().filter { filters.takes($0) }
                call.exchange.answer(.array(images.map { .object($0.summary(containers: used[$0.id]?.count ?? 0)) }))
            },
            Route("POST", "/images/load") { call in
                let names = try call.reading { try call.model.images.load(from: $0) }
                for name in names { call.model.events.happened("image", "load", name, [("name", name)]) }
                try call.exchange.begin(type: "application/json")
                for name in names {
                    let what = name.hasPrefix("sha256:") ? "Loaded image ID: " : "Loaded image: "
                    try call.exchange.write(JSON.object(["stream": .string("\(what)\(name)\n")]).bytes + [0x0d, 0x0a])
                }
                call.exchange.end()
            }.uploading,
            Route("GET", "/images/get") { call in
                let names = call.request.query.filter { $0.name == "names" }.map(\.value)
                guard !names.isEmpty else { throw APIError(400, "no image is named: query parameter names is missing") }
                try call.save(names)
            }.long,
            Route("POST", "/images/create") { call in
                let request = call.request
                guard request.text("fromSrc") == "-" else {
                    guard let name = request.text("fromImage"), !name.isEmpty else {
                        throw APIError(501, "an image is made of an archive in the request's body: fromSrc=-")
                    }
                    call.exchange.stream?.refuse()
                    return try call.pull(name, tag: request.text("tag") ?? "")
                }
                var reference = request.text("repo").flatMap { $0.isEmpty ? nil : $0 }
                if let name = reference, let tag = request.text("tag"), !tag.isEmpty { reference = "\(name):\(tag)" }
                let changes = request.query.filter { $0.name == "changes" }.map(\.value)
                let image = try call.reading {
                    try call.model.images.makeImage(
                        fromTar: $0, reference: reference, changes: changes, message: request.text("message"))
                }
                call.model.events.happened("image", "import", image.id, [("name", reference ?? image.id)])
                call.exchange.answer(["status": .string(image.id)])
            }.uploading,
            Route("POST", "/images/prune") { call in
                call.exchange.answer(.object(try call.pruneImages()))
            },
            Route("GET", "/images/search") { _ in
                throw APIError(501, "registries are not searched: give the image's whole name")
            },
            Route("GET", "/images/**/json") { call in
                call.exchange.answer(.object(try call.model.images.image(call.parameters[0]).inspection))
            },
            Route("GET", "/images/**/history") { call in
                call.exchange.answer(.array(try call.model.images.image(call.parameters[0]).history))
            },
            Route("GET", "/images/**/get") { call in try call.save([call.parameters[0]]) }.long,
            Route("POST", "/images/**/push") { _ in
                throw APIError(501, "images are not pushed to registries: docker save gives an archive")
            },
            Route("POST", "/images/**/tag") { call in
                guard let name = call.request.text("repo"), !name.isEmpty else {
                    throw APIError(400, "a name is wanted: query parameter repo is missing")
                }
                let tag = call.request.text("tag") ?? ""
                let full = tag.isEmpty ? name : "\(name):\(tag)"
                try call.model.images.tag(call.parameters[0], as: full)
                let id = try call.model.images.image(full).id
                call.model.events.happened("image", "tag", id, [("name", full)])
                call.exchange.answer(201)
            },
            Route("DELETE", "/images/**") { call in
                let gone = try call.model.images.remove(
                    call.parameters[0], force: call.request.flag("force"), used: Array(call.usedImages().keys))
                call.tell(gone)
                call.exchange.answer(.array(gone.map { .object([$0.0: .string($0.1)]) }))
            },
            Route("POST", "/commit") { call in
                let request = call.request
                guard let container = request.text("container"), !container.isEmpty else {
                    throw APIError(400, "no container is named: query parameter container is missing")
                }
                var name = request.text("repo").flatMap { $0.isEmpty ? nil : $0 }
                if let repository = name, let tag = request.text("tag"), !tag.isEmpty { name = "\(repository):\(tag)" }
                let text = { (key: String) in request.text(key).flatMap { $0.isEmpty ? nil : $0 } }
                let id = try call.containers.commit(
                    container, config: request.json(isOptional: true),
                    changes: request.query.filter { $0.name == "changes" }.flatMap {
                        $0.value.split(separator: "\n").map(String.init)
                    }, as: name, author: text("author"), comment: text("comment"),
                    pause: request.flag("pause", default: true))
                if let name { call.model.events.happened("image", "tag", id, [("name", name)]) }
                call.exchange.answer(201, ["Id": .string(id)])
            }.long,
        ]
    }

    extension Call {
        /// Images that containers stand on, with the containers' ids.
        func usedImages() throws -> [String: [String]] {
            let list: [JSONObject]
            do throws(APIError) {
                list = try containers.list(all: true, limit: nil, size: false, filters: [:])
            } catch {
                guard error.status == 501 else { throw error }
                return [:]
            }
            var used: [String: [String]] = [:]
            for container in list {
                guard let image = container["ImageID"]?.string, let id = container["Id"]?.string else { continue }
                used[image, default: []].append(id)
            }
            return used
        }

        func save(_ names: [String]) throws {
            for name in names { _ = try model.images.image(name) }
            try writing(type: "application/x-tar") { try model.images.save(names, to: $0) }
        }

        /// There is no pull yet: an image that is here is up to date, another cannot come.
        func pull(_ name: String, tag: String) throws {
            let full = tag.isEmpty ? name : tag.hasPrefix("sha256:") ? "\(name)@\(tag)" : "\(name):\(tag)"
            do throws(ImageError) {
                _ = try model.images.image(full)
            } catch {
                guard error.status == 404 else { throw error }
                throw APIError(
                    501,
                    "image \(full) is not here, and images are not pulled from registries yet: docker load or docker import brings it"
                )
            }
            exchange.answer(["status": .string("Status: Image is up to date for \(full)")])
        }

        func tell(_ gone: [(String, String)]) {
            for (what, name) in gone {
                model.events.happened("image", what == "Deleted" ? "delete" : "untag", name, [("name", name)])
            }
        }

        /// Images without a name that nothing stands on; with dangling=false all that nothing stands on.
        func pruneImages() throws -> JSONObject {
            let filters = try request.filters()
            for key in filters.keys where key != "dangling" { throw APIError(400, "invalid filter '\(key)'") }
            let value = filters["dangling"]?.array?.first?.string ?? "true"
            let takesNamed = ["false", "0"].contains(value.lowercased())
            let used = try usedImages()
            var deleted: [JSON] = []
            var bytes: Int64 = 0
            for image in try model.images.images() where used[image.id] == nil && (takesNamed || image.tags.isEmpty) {
                let gone = try model.images.remove(image.id, force: true, used: Array(used.keys))
                tell(gone)
                if gone.contains(where: { $0.0 == "Deleted" }) { bytes += image.size }
                deleted += gone.map { .object([$0.0: .string($0.1)]) }
            }
            return ["ImagesDeleted": deleted.isEmpty ? .null : .array(deleted), "SpaceReclaimed": .integer(bytes)]
        }
    }
#endif
