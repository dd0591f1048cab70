#if Daemon
    import Client
    import JSON

    /// What the daemon does for a container, step by step, as the commands that would do it (docs/runtime/parts.md).
    enum Explanation {
        /// The steps of a container that is not made.
        static func planned(_ daemon: Daemon, _ body: JSONObject, name: String?, image: String) throws(ClientError)
            -> JSON
        {
            do throws(ClientError) {
                return try asked(daemon) { () throws(ClientError) in
                    try daemon.json(
                        "POST", "/berth/containers/explain", name.map { [("name", $0)] } ?? [], .object(body))
                }
            } catch  where error.status == 404 && error.message.holds("o such image") {
                throw Creation.missing(daemon, image, error)
            }
        }

        /// The steps of one that is there.
        static func created(_ daemon: Daemon, _ id: String) throws(ClientError) -> JSON {
            try asked(daemon) { () throws(ClientError) in try daemon.json("GET", "/berth/containers/\(id)/explain") }
        }

        /// On standard error the steps of one that has started: those that were taken, or where it has ended already, those that
        /// were planned a moment before.
        static func taken(_ daemon: Daemon, _ id: String, planned: JSON) {
            let taken = try? created(daemon, id)
            tell(taken?["Running"]?.bool == true ? taken ?? planned : planned)
        }

        static func tell(_ answer: JSON) { for line in lines(answer) { Output.tell(line + "\n") } }

        private static func asked(_ daemon: Daemon, _ body: () throws(ClientError) -> JSON) throws(ClientError) -> JSON
        {
            do throws(ClientError) {
                return try body()
            } catch  where error.status == 404 && error.message.hasPrefix("page not found") || error.status == 501 {
                throw ClientError(
                    "this daemon does not tell its steps", by: error.by,
                    fix: "leave --explain and --dry-run out, or use berth's own daemon")
            }
        }

        /// A comment and a command a step.
        static func lines(_ answer: JSON) -> [String] {
            (answer["Steps"]?.array ?? []).flatMap { step in
                [step["Why"]?.string.map { "# \($0)" }, step["Command"]?.string].compactMap { $0 }
            }
        }
    }
#endif
