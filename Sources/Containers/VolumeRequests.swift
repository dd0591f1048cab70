import Images
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

    /// The same with `UsageData`, as `docker system df` has it.
    public func volumesWithUsage() throws(APIError) -> [JSONObject] {
        var volumes: [JSONObject] = []
        for var volume in volumeStore.all() {
            let name = volume["Name"]?.string ?? ""
            let size = try Faults.image { () throws(ImageError) in try TreeSize.bytes(below: volumeStore.data(name)) }
            volume["UsageData"] = ["Size": .integer(size), "RefCount": .integer(Int64(users(name).count))]
            volumes.append(volume)
        }
        return volumes
    }

    func users(_ name: String) -> [Container] {
        table.read { $0.all }.filter { $0.now.mounts.contains { $0["Name"]?.string == name } }
    }

    /// The volumes without a name of this container, which goes, are gone, but for those that another has that stays: of two that go at
    /// once each would leave them to the other.
    func removeAnonymousVolumes(_ container: Container) {
        for mount in container.now.mounts where mount["Anonymous"]?.bool == true {
            guard let name = mount["Name"]?.string,
                !users(name).contains(where: { $0 !== container && $0.now.status != .removing })
            else { continue }
            do throws(APIError) {
                try volumeStore.remove(name)
                events.happened("volume", "destroy", name, [("driver", "local")])
            } catch {}
        }
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
            name.isEmpty ? Names.newID() : name, labels: .object(asked.body("Labels").object),
            isAnonymous: name.isEmpty, owner: remap?.root)
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

    /// `named`: those with a name, too, unless the filters say otherwise.
    public func pruneVolumes(filters: JSONObject, named: Bool) throws(APIError) -> JSONObject {
        let prune = try PruneFilter(filters, ["label", "label!", "all"])
        let all = filters["all"] == nil ? named : try prune.flag("all")
        var gone: [JSON] = []
        var bytes: Int64 = 0
        for volume in volumeStore.all() {
            let labels = volume["Labels"]?.object ?? [:]
            guard let name = volume["Name"]?.string, users(name).isEmpty,
                all || labels["com.docker.volume.anonymous"] != nil,
                prune.takes(labels: labels, created: "")
            else { continue }
            do throws(APIError) {
                let size = try Faults.image { () throws(ImageError) in
                    try TreeSize.bytes(below: volumeStore.data(name))
                }
                try removeVolume(name, force: false)
                gone.append(.string(name))
                bytes += size
            } catch {}
        }
        events.happened("volume", "prune", "", [("reclaimed", "\(bytes)")])
        return ["VolumesDeleted": gone.isEmpty ? .null : .array(gone), "SpaceReclaimed": .integer(bytes)]
    }
}
