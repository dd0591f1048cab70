import JSON
import NetCore

/// What an executed plugin said, read by the specification's rules (cni.md P-13 to P-15, R-12).
struct PluginAnswer {
    let type: String
    let command: Command
    let outcome: ChildProcess.Outcome

    /// Throws the plugin's own error, or what can be said in its place.
    func requireSuccess() throws(CNIError) {
        if outcome.exitStatus == 0, !outcome.tooMuchOutput { return }
        throw failure
    }

    /// The result of ADD. One without cniVersion has the configuration's; another version is converted.
    func result(version: String?) throws(CNIError) -> CNIResult {
        try requireSuccess()
        let json = try parsed()
        let stated = json["cniVersion"]?.string ?? version ?? ""
        guard let version = SpecVersion(rawValue: stated.isEmpty ? "0.1.0" : stated) else {
            throw CNIError(
                .incompatibleVersion,
                "\(command.rawValue) of plugin \"\(type)\" gave a result of CNI version \"\(stated)\"",
                details: "known are \(SpecVersion.allCases.map(\.rawValue).joined(by: ", "))")
        }
        return try CNIResult(decoding: json, version: version)
    }

    /// The answer to VERSION. A plugin that does not know the command is from before 0.2.0.
    func versions() throws(CNIError) -> [String] {
        if outcome.exitStatus != 0 {
            let failure = failure
            if failure.message.holds("unknown CNI_COMMAND") { return [SpecVersion.v0_1_0.rawValue] }
            throw failure
        }
        let json = try parsed()
        guard let listed = json["supportedVersions"]?.array else {
            // 0.1.0 had no VERSION; 0.2.0 had it, with this key.
            throw CNIError(.decoding, "VERSION of plugin \"\(type)\" has no list \"supportedVersions\": \(excerpt)")
        }
        return listed.compactMap(\.string)
    }

    private func parsed() throws(CNIError) -> JSON {
        let json: JSON
        do {
            json = try JSON(parsing: outcome.output)
        } catch {
            throw CNIError(
                .decoding, "\(command.rawValue) of plugin \"\(type)\" did not answer in JSON: \(error)",
                details: "it printed \(excerpt)" + outcome.lastWords)
        }
        guard json.object != nil else {
            throw CNIError(
                .decoding, "\(command.rawValue) of plugin \"\(type)\" answered with \(json.kind), not an object",
                details: "it printed \(excerpt)" + outcome.lastWords)
        }
        return json
    }

    private var failure: CNIError {
        let operation = "\(command.rawValue) of plugin \"\(type)\""
        if outcome.tooMuchOutput {
            return CNIError(.decoding, "\(operation) printed more than any answer can be", details: excerpt)
        }
        let ending =
            switch (outcome.exitStatus, outcome.signal) {
            case (let status?, _): "exited with \(status)"
            case (nil, let signal?): "was killed by signal \(signal)"
            case (nil, nil): "could not be ended"
            }
        if outcome.output.allSatisfy({ $0 <= 0x20 }) {
            return CNIError(
                .internal, "\(operation) \(ending) and gave no error message", details: outcome.lastWordsAlone)
        }
        let answer: JSON
        do throws(CNIError) {
            answer = try parsed()
        } catch {
            return CNIError(
                .decoding, "\(operation) \(ending) and its error message cannot be read: \(error.message)",
                details: error.details)
        }
        guard let error = CNIError(decoding: answer) else {
            return CNIError(
                .decoding, "\(operation) \(ending) and its answer has no \"code\"",
                details: "it printed \(excerpt)" + outcome.lastWords)
        }
        return error
    }

    private var excerpt: String { PluginAnswer.quoted(outcome.output.prefix(200), of: outcome.output.count) }

    /// Bytes as one line of text between quotation marks.
    static func quoted(_ bytes: ArraySlice<UInt8>, of total: Int) -> String {
        let line = String(decoding: bytes, as: UTF8.self).unicodeScalars.map {
            $0.value < 0x20 || $0.value == 0x7f || $0 == "\"" || $0 == "\\" ? $0.escaped(asASCII: false) : String($0)
        }.joined()
        return "\"\(line)\"" + (total > bytes.count ? " and \(total - bytes.count) bytes more" : "")
    }
}

extension ChildProcess.Outcome {
    /// The end of standard error, for an error's details.
    var lastWordsAlone: String? {
        let tail = errors.suffix(500)
        return tail.allSatisfy { $0 <= 0x20 }
            ? nil : "on standard error: " + PluginAnswer.quoted(tail, of: tail.count)
    }

    var lastWords: String { lastWordsAlone.map { "; \($0)" } ?? "" }
}
