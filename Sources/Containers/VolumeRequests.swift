import JSON

extension Containers {
    public func volumes(filters: JSONObject) throws(APIError) -> [JSONObject] {
        let filter = Filter(filters)
        return volumeStore.all().filter { volume in
            let name = volume["Name"]?.string ?? ""
            return (!filter.has("name") || filter.values("name").contains { name.holds($0) })
                && (!filter.has("dangling")
                    || filter.values("dangling").contains { ($0 == "true" || $0 == "1") == users(name).isEmpty })
                && filter.takesLabels(volume["Labels"]?.object ?? [:])
        }
    }

    private func users(_ name: String) -> [Container] {
        table.read { $0.all }.filter { $0.now.mounts.contains { $0["Name"]?.string == name } }
    }

    public func volume(_ name: String) throws(APIError) -> JSONObject { try volumeStore.volume(name) }

    public func createVolume(_ body: JSONObject) throws(APIError) -> JSONObject {
        let asked = Body(body)
        let driver = try asked.text("Driver")
        guard ["", "local"].contains(driver) else {
            throw APIError(400, "error looking up volume plugin \(driver): berth has local")
        }
        let options = try asked.body("DriverOpts").object
        guard options.isEmpty else { throw APIError(501, "DriverOpts of a volume: berth has directories only") }
        let name = try asked.text("Name")
        let volume = try volumeStore.make(
            name.isEmpty ? Names.newID() : name, labels: .object(asked.body("Labels").object), isAnonymous: name.isEmpty
        )
        events.happened("volume", "create", volume["Name"]?.string ?? name, [("driver", "local")])
        return volume
    }

    public func removeVolume(_ name: String, force: Bool) throws(APIError) {
        let users = users(name)
        guard users.isEmpty else {
            throw APIError(409, "remove \(name): volume is in use - [\(users.map(\.id).joined(separator: ", "))]")
        }
        do throws(APIError) { try volumeStore.remove(name) } catch {
            if !(force && error.status == 404) { throw error }
        }
        events.happened("volume", "destroy", name, [("driver", "local")])
    }

    public func pruneVolumes(filters: JSONObject) throws(APIError) -> JSONObject {
        let filter = Filter(filters)
        let all = filter.values("all").contains { $0 == "true" || $0 == "1" }
        var gone: [JSON] = []
        for volume in volumeStore.all() {
            let labels = volume["Labels"]?.object ?? [:]
            guard let name = volume["Name"]?.string, users(name).isEmpty,
                all || labels["com.docker.volume.anonymous"] != nil,
                filter.takesLabels(labels)
            else { continue }
            do throws(APIError) {
                try removeVolume(name, force: false)
                gone.append(.string(name))
            } catch {}
        }
        return ["VolumesDeleted": .array(gone), "SpaceReclaimed": 0]
    }
}
