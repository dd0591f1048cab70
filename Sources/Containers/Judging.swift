import Images
import JSON
import MiniRuntime
import NetCore

extension Containers {
    /// A create body, judged as a whole.
    struct Judged {
        let reference: String
        let image: Image
        let wish: Wish
        let mounts: [MountWish]
        /// Others' mount points (--volumes-from).
        let inherited: [JSONObject]
        /// What its users are on the host.
        let map: IDMap?
        let resources: JSONObject

        /// The container's state under that name.
        func state(_ name: String) -> ContainerState {
            var state = ContainerState(name: name)
            state.config = wish.config
            state.host = wish.host
            state.endpoints = wish.endpoints
            state.map = map
            return state
        }
    }

    /// Nothing is made. Throws what a create is refused for.
    func judge(_ body: JSONObject) throws(APIError) -> Judged {
        let reference = body["Image"]?.string ?? ""
        guard !reference.isEmpty else { throw APIError(400, "no image is named: Image is empty") }
        let image: Image
        do throws(ImageError) { image = try images.image(reference) } catch {
            throw APIError(error.status, error.description)
        }
        var wish = try Wish(body, image)
        let ports = try wish.ports()
        let mounts = try wish.mounts()
        let mode = wish.host["NetworkMode"]?.string ?? ""
        try judgeNetwork(mode, wish, ports)
        let links = try resolvedLinks(wish)
        if !links.isEmpty { wish.host["Links"] = .array(links.map { .string($0) }) }
        let inherited = try inherited(wish, beside: mounts)
        for key in ["PidMode", "IpcMode"] {
            let other = try other(wish.host[key]?.string ?? "", key)
            guard key != "IpcMode" || other == nil || ["shareable", "host"].contains(SharedMemory.mode(other)) else {
                throw APIError(
                    409,
                    "can't join IPC of container \(other?.id ?? ""): non-shareable IPC (hint: start it with --ipc=shareable)"
                )
            }
        }
        return Judged(
            reference: reference, image: image, wish: wish, mounts: mounts, inherited: inherited,
            map: try map(for: wish.host), resources: try Resources.document(wish.host))
    }

    /// What of its limits an ancestor does not have. Throws 400 for a control group that cannot be.
    func exceeding(_ container: Container, _ judged: Judged) throws(APIError) -> [String] {
        let path = container.cgroupPath(judged.wish.host)
        do throws(KernelError) {
            try Cgroup.judge(path)
            // Most ask for none, and need no look at the host's groups.
            guard ["memory", "cpu", "pids"].contains(where: { judged.resources[$0] != nil }) else { return [] }
            return try Cgroup(path: path).exceeding(judged.resources)
        } catch {
            throw APIError(400, "\(error)")
        }
    }
}
