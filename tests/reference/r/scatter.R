# Writes scatter.csv: scatter matrices of two partitions of R's dataset `iris`, by manova of base R.
# Run: Rscript tests/reference/r/scatter.R > tests/reference/r/scatter.csv
data <- as.matrix(iris[, 1:4])
three <- as.integer(iris$Species)
cat("name,value\n")
for (clusters in list(pmin(three, 2), three)) {
  fit <- manova(data ~ factor(clusters))
  put <- function(name, value) cat(sprintf("%d.%s,%s\n", max(clusters), name, format(value, digits = 15)))
  put("wilks", summary(fit, test = "Wilks")$stats[1, 2])
  put("hotelling", summary(fit, test = "Hotelling-Lawley")$stats[1, 2])
  put("trcovw", sum(diag(cov(summary(fit)$SS$Residuals))))
}
