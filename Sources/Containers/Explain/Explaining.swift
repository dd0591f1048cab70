import Images
import Inspect
import JSON
import MiniRuntime
import NetCore
import Networks

// What a start does, told as commands (docs/runtime/explain.md). Every value is that of the start itself: the image's layers, the
// networks' lists and leases, the control group's judgement, the bundle. Nothing is made, not even a directory.
extension Containers {
    /// The steps of a container that such a create and a start would make. Throws what they are refused for.
    public func explain(name: String?, _ body: JSONObject) throws(APIError) -> [ExplainedStep] {
        let judged = try judge(body)
        let id = Names.newID()
        let known = table.read { $0 }
        let chosen = name.flatMap { $0.isEmpty ? nil : $0 } ?? Names.generated { known.names[$0] != nil }
        var tried = known
        try tried.reserve(chosen, for: id)
        var state = judged.state(chosen)
        let container = Container(
            home, id: id, created: Moment.now.text, imageID: judged.image.id, imageName: judged.reference, state)
        _ = try exceeding(container, judged)
        state.mounts = try points(judged, planned: true)
        container.state.change { $0 = state }
        return try told(container, container.now)
    }

    /// The steps of a container that is there: as they were taken where it runs, else as its next start takes them.
    /// `isRunning`: they were.
    public func explain(_ reference: String) throws(APIError) -> (steps: [ExplainedStep], isRunning: Bool) {
        let container = try find(reference)
        let now = container.now
        return (try told(container, now), now.isAlive)
    }

    private func told(_ container: Container, _ now: ContainerState) throws(APIError) -> [ExplainedStep] {
        let layers = try Faults.image { () throws(ImageError) in
            try images.layers(of: images.image(container.imageID))
        }
        let root = ContainerRoot(container.directory, map: now.map)
        var told = Told()
        let users = try tellUsers(container, now, &told)
        tellPlaces(container, now, root.planned(over: layers), users, &told)
        let view = root.view(over: layers)
        let (namespace, attached) = try tellNetworks(container, now, &told)
        if let (place, options) = SharedMemory.planned(container) {
            told.step(
                "memory that other containers may share (--ipc shareable)", "mkdir -p -m 700 \(word(place))",
                "mount -t tmpfs -o \(word(options)) shm \(word(place))")
        }
        let spec: BundleSpec
        if now.isAlive {
            spec = try standing(container)
        } else {
            let user = try ContainerUser(
                now.config["User"]?.string ?? "", in: view, extra: Wish.texts(now.host, "GroupAdd"))
            var document = BundleDocument(
                container: container, state: now, user: user, network: namespace, joined: try joined(now))
            document.userNamespace = users
            document.sharedMemory = try SharedMemory.source(container) { reference throws(APIError) in
                try find(reference)
            }
            let text = try document.document().text
            spec = try bundle(Array(text.utf8), container)
        }
        let hostname =
            spec.hostname
            ?? BundleDocument(
                container: container, state: now, user: ContainerUser(), network: nil, joined: [:]
            ).hostname
        let links = try linkLines(container)
        for (file, content) in try HostFiles.contents(now, hostname: hostname, networks: attached, links: links) {
            told.step(
                "/etc/\(file) of the container",
                "printf %s \(word(content)) > \(word("\(container.directory)/\(file)"))")
        }
        told.step(
            "the shim holds the container's streams and waits for it; it has berth-oci make the container from its bundle,"
                + " \(container.directory)/bundle/config.json: the steps that follow",
            "# \(home.programs)/berth-shim " + shimOptions(container).arguments.map { word($0) }.joined(separator: " "))
        do throws(KernelError) {
            try ExplainedBundle(spec: spec, view: view, own: container.directory).tell(&told)
        } catch {
            throw APIError(500, "explain container \(container.shortID): \(error)")
        }
        return told.steps
    }

    /// What create makes, and the root.
    private func tellPlaces(
        _ container: Container, _ now: ContainerState, _ overlay: OverlayPlan, _ users: String?,
        _ told: inout Told
    ) {
        let sources = now.mounts.filter { $0["Type"]?.string != "tmpfs" }.compactMap { $0["Source"]?.string }
        let missing = sources.filter { !Files.exists($0) }
        told.step("what is mounted into it exists", missing.map { "mkdir -p \(word($0))" })
        told.step(
            "container \(now.name): its directories",
            "mkdir -p " + overlay.directories.map { word($0) }.joined(separator: " "),
            "mkdir -p -m 711 \(word(container.runtime))")
        told.step(
            "its own layer begins with the mode and owner of the image's root",
            "chmod --reference=\(word(overlay.model)) \(word(overlay.upper))",
            "chown --reference=\(word(overlay.model)) \(word(overlay.upper))")
        if let root = now.map?.root, let users {
            told.step("and is its root's", "chown \(root.user):\(root.group) \(word(overlay.upper))")
            told.step(
                "the image's files as the container's users own them, by mapped mounts, so that none is copied (util-linux 2.39)",
                ["mkdir -p -m 700 \(word(overlay.stage))", "mount -t tmpfs -o mode=700 tmpfs \(word(overlay.stage))"]
                    + overlay.staged.flatMap { layer, place in
                        [
                            "mkdir \(word(place))",
                            "mount --bind -o X-mount.idmap=\(word(users)) \(word(layer)) \(word(place))",
                        ]
                    })
        }
        told.step(
            "its root: the image's layers below, the topmost first, and above them what it writes",
            "mount -t overlay -o \(word(overlay.options)) overlay \(word(overlay.target))")
        if now.map != nil {
            let stage = word(overlay.stage)
            told.step("the overlay holds the layers by itself", "umount -R \(stage) && rmdir \(stage)")
        }
        for mount in now.mounts where mount["Type"]?.string == "volume" && mount["Copy"]?.bool == true {
            let source = word(mount["Source"]?.string ?? "")
            let place = word(overlay.target + (mount["Destination"]?.string ?? ""))
            told.step(
                "volume \(mount["Name"]?.string ?? ""): an empty one gets what the image has at its place",
                "[ ! -e \(place) ] || [ -n \"$(ls -A \(source))\" ] || cp -a \(place)/. \(source)")
        }
    }

    /// The bundle of the start.
    private func standing(_ container: Container) throws(APIError) -> BundleSpec {
        let path = "\(container.directory)/bundle/config.json"
        let text = try Faults.kernel("explain container \(container.shortID)") { () throws(KernelError) in
            try Files.read(path)
        }
        return try bundle(text, container)
    }

    private func bundle(_ text: [UInt8], _ container: Container) throws(APIError) -> BundleSpec {
        do throws(OCIError) {
            var spec = try BundleSpec(parsing: text, bundle: "\(container.directory)/bundle")
            spec.root = ContainerRoot(container.directory).path
            return spec
        } catch {
            throw APIError(500, "explain container \(container.shortID): \(error.message)")
        }
    }
}
