/// What `ContainerRoot.mount` does, told without doing it.
public struct OverlayPlan: Sendable {
    public let directories: [String]
    public let upper: String
    /// Whose mode and owner the container's own layer begins with.
    public let model: String
    /// As mount(8) takes them.
    public let options: String
    public let target: String
    /// Where layers with mapped owners stand until the overlay has them, and each with its place there; none for the host's owners.
    public let stage: String
    public let staged: [(layer: String, place: String)]
}

extension ContainerRoot {
    /// The mount over these layers, the lowest first.
    public func planned(over layers: [String]) -> OverlayPlan {
        func escaped(_ path: String, isList: Bool) -> String {
            String(
                path.flatMap { (letter: Character) -> [Character] in
                    letter == "\\" || letter == "," || isList && letter == ":" ? ["\\", letter] : [letter]
                })
        }
        let places = map == nil ? layers : layers.indices.map { "\(lower)/\($0)" }
        let below = places.reversed().map { escaped($0, isList: true) }.joined(separator: ":")
        let options =
            "lowerdir=\(below),upperdir=\(escaped(upper, isList: false)),workdir=\(escaped(work, isList: false)),"
            + "redirect_dir=off,metacopy=off,index=off"
        return OverlayPlan(
            directories: [upper, work, path], upper: upper, model: layers.last ?? "", options: options, target: path,
            stage: lower, staged: map == nil ? [] : zip(layers, places).map { ($0, $1) })
    }

    /// The layers of the root as it is now, the highest first, to be looked at.
    public func view(over layers: [String]) -> LayeredRoot {
        isMounted ? LayeredRoot([path]) : LayeredRoot([upper] + layers.reversed())
    }
}
