import Images
import JSON

/// What `POST /containers/create` says of a body before it looks at this host's images, networks and volumes.
public enum CreateJudgement {
    /// Nothing is made. `image`: the image's `config`. Throws as create does: 400 for what is wrong, 501 for what is not served, 409 for
    /// what contradicts itself.
    public static func judge(_ body: JSONObject, image: JSONObject) throws(APIError) {
        let image = Image(
            id: "sha256:" + String(repeating: "0", count: 64), tags: [], configuration: ["config": .object(image)],
            size: 0)
        let wish = try Wish(body, image)
        _ = try wish.ports()
        _ = try wish.mounts()
        _ = try Resources.document(wish.host)
    }
}

extension Wish {
    /// Ports are asked for in host's own network, where nothing is to be led anywhere.
    static func publishesInVain(_ host: JSONObject) -> Bool {
        guard host["NetworkMode"]?.string == "host" else { return false }
        return host["PublishAllPorts"]?.bool == true || !(host["PortBindings"]?.object?.isEmpty ?? true)
    }
}
