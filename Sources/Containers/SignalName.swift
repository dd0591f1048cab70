import MiniRuntime

extension SignalName {
    /// The number of a signal that a request names. Throws 400 for what is none.
    static func asked(_ text: String) throws(APIError) -> Int32 {
        guard let number = number(text) else {
            throw APIError(400, "Invalid signal: \(text): give a name as SIGTERM or a number of 1 to 64")
        }
        return number
    }
}
